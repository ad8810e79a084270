"""What a network is, whatever files hold it: one hash of its config and its weights."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import blake3
import torch
from torch import Tensor

from model.formats.checkpoint import DESCRIPTION, read_checkpoint
from model.formats.convert_hf import import_hf
from model.formats.tensors import open_tensors, tensor_names
from model.network.config import ModelConfig


def network_content(folder: Path) -> str:
    """BLAKE3 of the network in a checkpoint, or in a Hugging Face folder of a family that ours can express, in 64 digits.

    Equal weights under an equal config have equal content, however the tensors are shared out over files; the optimizer,
    the step and the ranks do not matter. A checkpoint is read a tensor at a time, a Hugging Face folder as a whole.
    Raises ValueError in one line for a folder that is neither or that cannot be read.
    """
    if (folder / DESCRIPTION).is_file():
        info = read_checkpoint(folder)
        return _content(info.model, tensor_names(info, "weights"), open_tensors(info, "weights"))
    config, weights = import_hf(folder)
    return _content(config, weights, weights.__getitem__)


def _content(config: ModelConfig, names: Iterable[str], tensor_of: Callable[[str], Tensor]) -> str:
    # Fields with their default value are left out: a field that is added later, and off, changes no network.
    hasher = blake3.blake3(_line(config.model_dump(mode="json", exclude_defaults=True)))
    for name in sorted(names):
        tensor = tensor_of(name).contiguous()
        hasher.update(_line([name, str(tensor.dtype), list(tensor.shape)]))
        hasher.update(tensor.flatten().view(torch.uint8).numpy().data)
    return hasher.hexdigest()


def _line(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"
