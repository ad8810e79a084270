"""What a network is, whatever files hold it: one hash of its config and its weights."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import blake3
import torch
from torch import Tensor

from model.formats.checkpoint import DESCRIPTION, read_checkpoint
from model.formats.convert_hf import import_hf
from model.formats.tensors import open_tensors, tensor_names
from model.network.config import ModelConfig
from model.section import Section


def network_content(folder: Path) -> str:
    """BLAKE3 of the network in a checkpoint, or in a Hugging Face folder of a family that ours can express, in 64 digits.

    Equal weights under an equal config have equal content, however the tensors are shared out over files; the optimizer,
    the step and the ranks do not matter. A checkpoint is read a tensor at a time, a Hugging Face folder as a whole.
    Raises ValueError in one line for a folder that is neither or that cannot be read.
    """
    if (folder / DESCRIPTION).is_file():
        info = read_checkpoint(folder)
        return content_of(info.model, tensor_names(info, "weights"), open_tensors(info, "weights"))
    config, weights = import_hf(folder)
    return content_of(config, weights, weights.__getitem__)


def content_of(config: ModelConfig, names: Iterable[str], tensor_of: Callable[[str], Tensor]) -> str:
    """The content of a network with these tensors; `tensor_of` gives one by its name."""
    hasher = blake3.blake3(_line(_values(config)))
    for name in sorted(names):
        tensor = tensor_of(name).contiguous()
        hasher.update(_line([name, str(tensor.dtype), list(tensor.shape)]))
        hasher.update(tensor.flatten().view(torch.uint8).numpy().data)
    return hasher.hexdigest()


def _values(section: Section) -> dict[str, Any]:
    """The fields of a config, without those at their founding value: an option added later, and off, changes no network."""
    values = section.model_dump(mode="json")
    for name, field in type(section).model_fields.items():
        value, extra = getattr(section, name), field.json_schema_extra
        if isinstance(extra, dict) and "founding" in extra and extra["founding"] == values[name]:
            del values[name]
        elif isinstance(value, Section):
            values[name] = _values(value)
    return values


def _line(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"
