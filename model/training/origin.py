"""What a training begins from when it does not begin from random weights, and whether the two fit. Imports no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import blake3

from model.formats.checkpoint import DESCRIPTION, CheckpointInfo, read_checkpoint
from model.formats.import_config import import_config
from model.network.config import ModelConfig
from model.training.train_config import TrainConfig

# These fields may differ from the origin's: they change how the network is used, not what its weights are.
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

# Fields that may be left to a rule, with the property that says what the rule makes of them.
MADE_BY_RULE = {
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
    """A hash of an origin: of a checkpoint's description, which has the hashes of its files, or of all files that a
    Hugging Face folder's weights are read from. Raises ValueError when it is neither.
    """
    parts = [f"{path.name} {blake3.blake3().update_mmap(path).hexdigest()}" for path in origin_files(folder)]
    return blake3.blake3("\n".join(parts).encode()).hexdigest()


def origin_files(folder: Path) -> list[Path]:
    """The files that `origin_identity` hashes."""
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


def _check_fits(model: ModelConfig, theirs: ModelConfig, folder: Path) -> None:
    different = [name for name in differences(model, theirs) if name not in FREE_FIELDS]
    if model.positions == "learned" and model.max_sequence_length != theirs.max_sequence_length:
        different.append("max_sequence_length")
    if different:
        has = ", ".join(f"{name}: {field_value(theirs, name)}" for name in different)
        raise ValueError(f"init_from: the network of {folder} has {has}; set model to the same")


def _check_continues(config: TrainConfig, info: CheckpointInfo) -> None:
    if info.progress.step >= config.steps:
        raise ValueError(
            f"init_from: {info.folder} has done {info.progress.step} steps; to continue it, steps ({config.steps}) must be more"
        )
    used = info.train.get("optimizer", "adamw")
    if used != config.optimizer:
        raise ValueError(f"init_from: {info.folder} was trained with {used}; choose it as optimizer, or init: weights")


def differences(ours: ModelConfig, theirs: ModelConfig) -> list[str]:
    """The names of the fields in which two networks differ, those that a rule fills compared by what it makes of them."""
    return sorted(name for name in ModelConfig.model_fields if field_value(ours, name) != field_value(theirs, name))


def field_value(config: ModelConfig, name: str) -> Any:
    """The value of a field, or what the rule makes of it where it is left to one."""
    return getattr(config, MADE_BY_RULE.get(name, name))
