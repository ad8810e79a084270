"""The tensors of a checkpoint, in safetensors files that share them out; `model.formats.checkpoint` says which there are."""

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from model.formats.checkpoint import CheckpointInfo, WrittenFile, file_identity, read_checkpoint


def shares(sizes: dict[str, int], ranks: int) -> list[list[str]]:
    """Which rank writes which tensor: the largest first, each to the rank that has least so far."""
    loads = [0] * ranks
    names: list[list[str]] = [[] for _ in range(ranks)]
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        rank = loads.index(min(loads))
        loads[rank] += sizes[name]
        names[rank].append(name)
    return names


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> WrittenFile:
    """Write one file. The bytes are a function of the tensors alone."""
    save_file(tensors, path)
    return file_identity(path)


def open_tensors(info: CheckpointInfo, kind: str) -> Callable[[str], Tensor]:
    """A reader of single tensors by name, whichever file they are in. Raises ValueError naming file or tensor."""
    homes = _homes(info, kind)

    def read(name: str) -> Tensor:
        if name not in homes:
            raise ValueError(f"{info.folder}: no tensor {name} in its {kind} files")
        try:
            with safe_open(homes[name], framework="pt") as file:
                return file.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{homes[name]}: not readable as safetensors ({error})") from None

    return read


def tensor_names(info: CheckpointInfo, kind: str) -> list[str]:
    """The names of all tensors of one kind, sorted. Raises ValueError naming a file that cannot be read."""
    return sorted(_homes(info, kind))


def check_finite(folder: Path, name: str, tensor: Tensor) -> None:
    """Raise ValueError naming folder and weight when a value of the weight is not a finite number."""
    finite = torch.isfinite(tensor)
    if not finite.all():
        place = (~finite).nonzero()[0].tolist()
        raise ValueError(
            f"{folder}: the weight {name} is {float(tensor[tuple(place)])} at {place}; no result of this network means "
            "anything: take an earlier checkpoint, or make the folder again"
        )


def _homes(info: CheckpointInfo, kind: str) -> dict[str, Path]:
    """Which file each tensor of one kind is in."""
    homes: dict[str, Path] = {}
    for path in info.tensors_of(kind):
        try:
            with safe_open(path, framework="pt") as file:
                homes |= dict.fromkeys(file.keys(), path)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{path}: not readable as safetensors ({error})") from None
    return homes


def read_weights(folder: Path) -> dict[str, Tensor]:
    """All parameters by name, float32 on the CPU. Raises ValueError for a damaged checkpoint, naming the file."""
    info = read_checkpoint(folder)
    weights: dict[str, Tensor] = {}
    for path in info.tensors_of("weights"):
        weights |= read_file(path)
    return weights


def read_file(path: Path) -> dict[str, Tensor]:
    """All tensors of one file; ValueError naming it when it cannot be read."""
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path}: not readable as safetensors ({error})") from None
