"""What the tests of training share: jobs for real ranks, and what came of them."""

import json
import math
import os
import socket
import subprocess
import sys
from pathlib import Path

import torch

from model.formats.checkpoint import newest_checkpoint, read_checkpoint
from model.formats.tensors import read_file

LLAMA = {"d_model": 32, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "max_sequence_length": 16}
TRAIN = {
    "steps": 6,
    "sequence_length": 16,
    "global_batch": 16,
    "micro_batch": 4,
    "ranks": 2,
    "zero_stage": 2,
    "learning_rate": 1e-2,
    "warmup_steps": 2,
    "threads": 1,
    "validate_every": 2,
    "checkpoint_every": 0,
}
SPIKES = {"window": 4, "deviations": 100.0, "patience": 2, "rewinds": 1}
HUGE, NAN = 1e6, math.nan  # factors of a loss
HANGS = 900  # seconds; all jobs of a file take 150 on two cores, and compiling what offload needs takes 100


def launch(jobs: list[dict], ranks: int, path: Path) -> None:
    """Run the jobs one after the other on that many ranks, gloo between them."""
    path.write_text(json.dumps(jobs))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    processes = []
    for rank in range(ranks):
        environment = os.environ | {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(ranks),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "OMP_NUM_THREADS": "1",
        }
        if ranks == 1:  # one process without a launcher
            for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
                del environment[name]
        command = [sys.executable, str(Path(__file__).with_name("train_worker.py")), str(path)]
        output = path.with_suffix(f".{rank}.log").open("w")
        processes.append(subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT))
    try:
        codes = [process.wait(timeout=HANGS) for process in processes]
    except subprocess.TimeoutExpired:
        codes = []
    finally:
        for process in processes:
            process.kill()
    assert codes == [0] * ranks, path.with_suffix(".0.log").read_text()[-4000:]


def job(folder: Path, model: dict = LLAMA, also: dict | None = None, **train: object) -> dict:
    """One training; `also` has `stop_after`, `origin`, `order`, `padded`, `poison` and `fails`, all of the worker's."""
    return {"folder": str(folder), "model": model, "train": {**TRAIN, **train}, **(also or {})}


def records(folder: Path) -> list[dict]:
    return json.loads((folder / "records.json").read_text())["records"]


def events(folder: Path, kind: str) -> list[dict]:
    return [record for record in records(folder) if record.get("event") == kind]


def result(folder: Path) -> dict:
    return json.loads((folder / "records.json").read_text())["result"]


def losses(folder: Path) -> dict[int, float]:
    return {r["step"]: r["loss"] for r in records(folder) if "loss" in r and "event" not in r}


def state(checkpoint: Path, kinds: tuple[str, ...] = ("weights", "optimizer")) -> dict[str, torch.Tensor]:
    """All tensors of a checkpoint's files of these kinds."""
    files = [path for kind in kinds for path in sorted(checkpoint.glob(f"{kind}-*.safetensors"))]
    return {f"{path.name}/{name}": tensor for path in files for name, tensor in read_file(path).items()}


def equal(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    """Bit for bit."""
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)


def assert_same_state(left: Path, right: Path) -> None:
    """The newest checkpoints bit for bit: weights, moments and random states."""
    ours, theirs = newest_checkpoint(left)[0], newest_checkpoint(right)[0]
    assert ours is not None and theirs is not None
    assert (ours.progress.step, ours.progress.cursor) == (theirs.progress.step, theirs.progress.cursor)
    assert ours.optimizer_steps == theirs.optimizer_steps
    assert ours.files.keys() == theirs.files.keys()
    kinds = ("weights", "optimizer", "random")
    assert equal(state(ours.folder, kinds), state(theirs.folder, kinds))


def interrupted_jobs(root: Path, name: str, fields: dict) -> list[dict]:
    """A run with these fields; one that is stopped after three steps; two whose fourth step has a loss out of line."""
    jobs = [job(root / name, LLAMA, **fields), job(root / f"stopped-{name}", LLAMA, {"stop_after": 3}, **fields)]
    for kind, factor in (("huge", HUGE), ("nan", NAN)):
        also = {"poison": {"4": factor}, "stop_after": 4}
        jobs.append(job(root / f"{kind}-{name}", LLAMA, also, checkpoint_every=3, spikes=SPIKES, **fields))
    return jobs


def assert_fourth_step_left_out(folder: Path) -> None:
    """The checkpoints after three and four steps differ in nothing but the account of the fourth."""
    before, after = (read_checkpoint(folder / f"step-0000000{step}") for step in (3, 4))
    assert equal(state(before.folder), state(after.folder))
    assert before.optimizer_steps == after.optimizer_steps == 3
    [spike] = events(folder, "spike")
    assert (spike["step"], spike["decision"], spike["in_a_row"]) == (4, "skip", 1)
    then, now = before.progress, after.progress
    assert now.skipped == [tuple(spike["samples"])] == [(then.cursor, now.cursor)]
    assert now.guard.skipped == 1 and now.tokens == then.tokens
    taken = losses(folder)
    assert now.loss == list(taken.values())[-1] and min(taken) == 1 and 4 not in taken
