"""One rank of the training tests: `train_worker.py JOBS.json`, with torchrun's variables in the environment.

JOBS.json is a list of jobs (`tests.model.training.job`); they run one after the other in the same processes, and rank 0 writes
what was logged and returned to `records.json` in each folder.
"""

import dataclasses
import json
import os
import sys
from pathlib import Path

import numpy as np

import model.training.step
import model.training.train
from model.network.config import ModelConfig
from model.training.distributed import close_distributed
from model.training.engine import get_accelerator
from model.training.inputs import Data
from model.training.origin import Origin
from model.training.train_config import TrainConfig

VOCABULARY = 61
PADDING = -100


def regular(cursor: int, count: int, length: int) -> np.ndarray:
    """Sequences of a repeated step, a pure function of the sample's number."""
    numbers = np.arange(cursor, cursor + count)[:, None]
    return (numbers * 7 + np.arange(length + 1) * (1 + numbers % 5)) % VOCABULARY


def padded(cursor: int, count: int, length: int) -> np.ndarray:
    """The same, cut to very different lengths; every eighth is empty."""
    samples = regular(cursor, count, length)
    lengths = (np.arange(cursor, cursor + count)[:, None] * 5) % 8 * length // 8
    samples[np.arange(length + 1) > lengths] = PADDING
    return samples


take_step, mean_loss = model.training.train.take_step, model.training.step.mean_loss


def poison(factors: dict[str, float]) -> None:
    """Multiply the loss of some steps, counted as they are taken in this process, by a factor."""
    taken = 0

    def counted(*arguments):  # type: ignore[no-untyped-def]
        nonlocal taken
        taken += 1
        return take_step(*arguments)

    def poisoned(*arguments):  # type: ignore[no-untyped-def]
        loss, count = mean_loss(*arguments)
        return loss * factors.get(str(taken), 1.0), count

    model.training.train.take_step, model.training.step.mean_loss = counted, poisoned


def run(job: dict) -> None:
    config = TrainConfig(**job["train"])
    length = config.sequence_length
    folder = Path(job["folder"])
    records: list[dict] = []
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked == job.get("stop_after")

    batches = padded if job.get("padded") else regular
    data = Data(
        lambda cursor, count: batches(cursor, count, length),
        {"even": regular(1000, 5, length), "odd": regular(2000, 3, length)},
        order={"samples": job.get("order", "regular")},
        bytes_per_token={"even": 4.0},
        prompts={text: [VOCABULARY - len(text), 3] for text in config.prompts},
    )
    origin = Origin(Path(job["origin"][0]), job["origin"][1]) if "origin" in job else None
    poison(job.get("poison", {}))
    if config.dtype == "float16":  # this CPU computes in it, slowly, so DeepSpeed says that it cannot
        get_accelerator().is_fp16_supported = lambda: True
    outcome: dict
    try:
        result = model.training.train.train(
            ModelConfig(vocab_size=VOCABULARY, **job["model"]),
            config,
            data,
            folder,
            records.append,
            should_stop,
            lambda temporary, final: temporary.rename(final) and None,
            origin,
        )
        outcome = {**dataclasses.asdict(result), "checkpoint": result.checkpoint.name}
    except (ValueError, FloatingPointError) as error:
        outcome = {"error": f"{type(error).__name__}: {error}"}
        if not job.get("fails"):
            raise
    if os.environ.get("RANK", "0") == "0":
        folder.mkdir(exist_ok=True)
        told = {"records": records, "result": outcome, "compiler": "torch._inductor.compile_fx" in sys.modules}
        (folder / "records.json").write_text(json.dumps(told))


if __name__ == "__main__":
    for job in json.loads(Path(sys.argv[1]).read_text()):
        run(job)
    close_distributed()
