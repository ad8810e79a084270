"""How a run begins: at its own newest checkpoint, with what another run or a Hugging Face folder left, or from random weights."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import blake3
import torch.distributed as dist
from torch import Tensor

from model.formats.checkpoint import DESCRIPTION, CheckpointInfo, open_tensors, read_checkpoint, verify
from model.formats.convert_hf import import_hf
from model.formats.import_config import import_config
from model.formats.progress import Progress
from model.network.config import ModelConfig
from model.network.init import initialize
from model.network.network import Network
from model.training.engine import Engine
from model.training.loss import NextTokenLoss
from model.training.snapshot import restore, seed_random
from model.training.train_config import TrainConfig

# What may differ from the origin's: these change how the network is used, not what its weights are.
FREE_FIELDS = {
    "attention_dropout",
    "dropout",
    "embedding_dropout",
    "initialization",
    "max_sequence_length",
    "residual_dropout",
    "rope_scaling",
    "rope_theta",
}

# Fields that may be left to a rule, with what the rule makes of them.
MADE = {
    "attention_pattern": "windows",
    "d_ff": "feed_forward_dim",
    "head_dim": "head_width",
    "n_kv_heads": "kv_heads",
    "sliding_window": "windows",
}


@dataclass(frozen=True)
class Origin:
    """What a new run begins from."""

    folder: Path
    """A checkpoint of ours, or a Hugging Face folder of a family that ours can express."""
    mode: Literal["weights", "continue"]
    """weights: only these, for a run from step 0; continue: optimizer, step and, on the same samples, cursor as well."""


def origin_identity(folder: Path) -> str:
    """A hash of what an origin holds: of a checkpoint's description, which has the hashes of its files, or of all
    that a Hugging Face folder's weights are read from. Raises ValueError when it is neither."""
    parts = [f"{path.name} {blake3.blake3().update_mmap(path).hexdigest()}" for path in origin_files(folder)]
    return blake3.blake3("\n".join(parts).encode()).hexdigest()


def origin_files(folder: Path) -> list[Path]:
    """The files whose content `origin_identity` is."""
    if (folder / DESCRIPTION).is_file():
        return [folder / DESCRIPTION]
    paths = sorted([*folder.glob("config.json"), *folder.glob("*.safetensors*")])
    if not paths:
        raise ValueError(f"init_from: {folder} is neither a checkpoint nor a Hugging Face folder")
    return paths


def origin_model(folder: Path) -> ModelConfig:
    """The network of an origin. Raises ValueError naming what is wrong with the folder."""
    if (folder / DESCRIPTION).is_file():
        return read_checkpoint(folder).model
    return import_config(folder)


def check_origin(model: ModelConfig, config: TrainConfig, origin: Origin) -> None:
    """Raise ValueError when this network and training cannot begin with the origin."""
    _check_fits(model, origin_model(origin.folder), origin.folder)
    if origin.mode == "weights":
        return
    if not (origin.folder / DESCRIPTION).is_file():
        raise ValueError(f"init_from: {origin.folder} has no state of an optimizer to continue with; use init: weights")
    _check_continues(config, read_checkpoint(origin.folder))


def resume(model: ModelConfig, config: TrainConfig, info: CheckpointInfo) -> tuple[Engine, Progress]:
    """The run as its own checkpoint has it."""
    return _engine(model, config, open_tensors(info, "weights"), info), info.progress.model_copy(deep=True)


def begin(
    model: ModelConfig, config: TrainConfig, samples: dict[str, Any], origin: Origin | None
) -> tuple[Engine, Progress]:
    """A new run. Raises ValueError where the origin does not fit it."""
    if origin is None:
        return _engine(model, config, None, None), Progress.at_start()
    parent: dict[str, Any] = {"identity": origin_identity(origin.folder), "mode": origin.mode}
    check_origin(model, config, origin)
    if not (origin.folder / DESCRIPTION).is_file():
        weights = import_hf(origin.folder)[1]
        return _engine(model, config, weights.__getitem__, None), Progress.at_start(parent)
    info = read_checkpoint(origin.folder)
    verify(info)
    parent["step"] = info.progress.step
    read = open_tensors(info, "weights")
    if origin.mode == "weights":
        return _engine(model, config, read, None), Progress.at_start(parent)
    now = info.progress.model_copy(update={"parent": parent}, deep=True)
    if info.samples != samples:  # new data: from its first sample on
        now.cursor, now.skipped = 0, []
    return _engine(model, config, read, info), now


def check_same_model(model: ModelConfig, info: CheckpointInfo) -> None:
    """Raise ValueError when a run's own checkpoint holds another network."""
    different = _differences(model, info.model)
    if different:
        raise ValueError(
            f"{info.folder}: holds another model ({', '.join(different)} differ); train it in a folder of its own"
        )


def _engine(
    model: ModelConfig, config: TrainConfig, weights: Callable[[str], Tensor] | None, state: CheckpointInfo | None
) -> Engine:
    """An engine with these weights, or random ones, and the rest of the state of a checkpoint, if any."""
    network = Network(model)
    if weights is None:
        initialize(network, config.seed)
    else:
        network.load_state_dict({name: weights(name) for name, _ in network.named_parameters()})
    engine = Engine(NextTokenLoss(network, config.z_loss), config)
    if state is None:
        seed_random(config.seed, step=0)
    else:
        restore(engine, state, config.seed)
    return engine


def _check_fits(model: ModelConfig, theirs: ModelConfig, folder: Path) -> None:
    different = [name for name in _differences(model, theirs) if name not in FREE_FIELDS]
    if model.positions == "learned" and model.max_sequence_length != theirs.max_sequence_length:
        different.append("max_sequence_length")
    if different:
        has = ", ".join(f"{name}: {_value(theirs, name)}" for name in different)
        raise ValueError(f"init_from: the network of {folder} has {has}; set model to the same")


def _check_continues(config: TrainConfig, info: CheckpointInfo) -> None:
    if info.progress.step >= config.steps:
        raise ValueError(
            f"init_from: {info.folder} has done {info.progress.step} steps; to continue it, steps ({config.steps}) must be more"
        )
    used = info.train.get("optimizer", "adamw")
    if used != config.optimizer:
        raise ValueError(f"init_from: {info.folder} was trained with {used}; choose it as optimizer, or init: weights")


def _differences(ours: ModelConfig, theirs: ModelConfig) -> list[str]:
    return sorted(name for name in ModelConfig.model_fields if _value(ours, name) != _value(theirs, name))


def _value(config: ModelConfig, name: str) -> Any:
    return getattr(config, MADE.get(name, name))


def describe_resume(info: CheckpointInfo) -> str:
    """What the log says about going on from a checkpoint."""
    message, ranks = f"going on from {info.folder.name}", dist.get_world_size()
    if info.layout.ranks != ranks:
        message += f", saved on {info.layout.ranks} ranks, on {ranks}"
    if info.layout.ranks < ranks:
        message += "; the random states of the new ranks follow from seed and step"
    return message
