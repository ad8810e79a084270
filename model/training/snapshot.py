"""A training run's state, out of the engine into a checkpoint and back."""

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from model.formats.checkpoint import (
    CheckpointInfo,
    RankLayout,
    checkpoint_folders,
    file_name,
    folder_name,
    newest_checkpoint,
    write_description,
)
from model.formats.progress import Progress
from model.formats.tensors import open_tensors, read_file, shares, write_tensors
from model.network.config import ModelConfig
from model.training.engine import Engine
from model.training.optimizer import ADAM_MOMENTS, MUON_MOMENTS
from model.training.train_config import TrainConfig

Commit = Callable[[Path, Path], None]


def find_start(folder: Path) -> tuple[CheckpointInfo | None, list[str]]:
    """The checkpoint to go on from, and messages about those that were passed over. Rank 0 looks, all ranks agree.

    Rank 0 also clears away what a killed run left half written, and puts damaged checkpoints aside under `.damaged`, so
    that their steps can be saved again.
    """
    found: list[tuple[CheckpointInfo | None, list[str]]] = [(None, [])]
    if dist.get_rank() == 0:
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob("step-*.tmp"):
            shutil.rmtree(leftover)
        found = [newest_checkpoint(folder)]
        step = found[0][0].progress.step if found[0][0] else -1
        for newer in checkpoint_folders(folder):
            if int(newer.name.removeprefix("step-")) > step:
                aside = newer.with_name(newer.name + ".damaged")
                shutil.rmtree(aside, ignore_errors=True)
                newer.rename(aside)
    dist.broadcast_object_list(found, src=0)
    return found[0]


def describe(now: Progress, model: ModelConfig, config: TrainConfig, samples: dict[str, Any]) -> CheckpointInfo:
    """The description of a checkpoint of this moment, without what `save` adds of the engine and the files."""
    return CheckpointInfo(
        folder=Path(),
        progress=now.model_copy(deep=True),
        optimizer_steps=0,
        model=model,
        train=config.model_dump(mode="json"),
        layout=RankLayout(
            ranks=config.ranks,
            zero_stage=config.zero_stage,
            dtype=config.dtype,
            micro_batch=config.rank_micro_batch,
            threads=torch.get_num_threads(),
        ),
        samples=samples,
    )


def save(engine: Engine, info: CheckpointInfo, folder: Path, commit: Commit, keep: int) -> CheckpointInfo:
    """Write the state as `folder/step-<step>`: every rank its share into a temporary folder, then rank 0 commits it whole.

    `info` says all but the files; `commit(temporary, final)` renames. Of the older checkpoints the newest `keep` - 1 stay.
    """
    rank, ranks = dist.get_rank(), dist.get_world_size()
    final = folder / folder_name(info.progress.step)
    temporary = final.with_name(final.name + ".tmp")
    if rank == 0:
        temporary.mkdir(parents=True)
    dist.barrier()

    mine = set(shares(engine.sizes(), ranks)[rank])
    weights: dict[str, Tensor] = {}
    moments: dict[str, Tensor] = {}
    for name in engine.names():  # collective: every rank asks for every tensor, and keeps its own
        tensors = {name: engine.tensor(name), **{f"{name}.{m}": engine.tensor(name, m) for m in engine.moments(name)}}
        if name in mine:
            copies = {key: tensor.to("cpu", torch.float32, copy=True) for key, tensor in tensors.items()}
            weights[name] = copies.pop(name)
            moments |= copies
    written = {}
    for kind, tensors in (("weights", weights), ("optimizer", moments), ("random", random_states())):
        name = file_name(kind, rank, ranks)
        written[name] = write_tensors(temporary / name, tensors)

    gathered: list[dict] = [{}] * ranks
    dist.all_gather_object(gathered, written)  # this also waits until every rank has written
    files = {name: identity for files in gathered for name, identity in files.items()}
    state = {"files": files, "optimizer_steps": engine.adam_steps, "loss_scale": engine.loss_scale}
    info = info.model_copy(update={"folder": final, **state})
    if rank == 0:
        write_description(info.model_copy(update={"folder": temporary}))
        commit(temporary, final)
        for old in checkpoint_folders(folder)[:-keep]:
            shutil.rmtree(old)
    dist.barrier()
    return info


def restore(engine: Engine, info: CheckpointInfo, seed: int) -> None:
    """Give an engine, made with the weights of a checkpoint, the checkpoint's optimizer, loss scale and random states."""
    moment = open_tensors(info, "optimizer")
    engine.set_tensors(open_tensors(info, "weights"))
    for kind in ADAM_MOMENTS + MUON_MOMENTS:
        engine.set_tensors(lambda name, kind=kind: moment(f"{name}.{kind}"), kind)  # type: ignore[misc]
    engine.adam_steps = info.optimizer_steps
    engine.loss_scale = info.loss_scale
    seed_random(seed, info.progress.step)
    rank = dist.get_rank()
    saved = info.tensors_of("random")
    if rank < len(saved):
        states = read_file(saved[rank])
        torch.set_rng_state(states["cpu"])
        if torch.cuda.is_available() and "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"])


def random_states() -> dict[str, Tensor]:
    """The states of the generators that dropout draws from, on this rank."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def seed_random(seed: int, step: int) -> None:
    """Start this rank's generators anew, as a function of seed, rank and step."""
    digest = hashlib.blake2b(f"{seed} {dist.get_rank()} {step}".encode(), digest_size=8).digest()
    torch.manual_seed(int.from_bytes(digest, "little") >> 1)
