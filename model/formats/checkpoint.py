"""The checkpoint format: a folder of safetensors and one JSON, readable by any number of ranks at any ZeRO stage.

    step-00000100/
        checkpoint.json                             step, cursor, configs, layout, and every file's size and BLAKE3
        weights-00000-of-00002.safetensors          float32 parameters by name, whole, shared out over the files
        optimizer-00000-of-00002.safetensors        `<parameter>.exp_avg` and `<parameter>.exp_avg_sq`, likewise (AdamW);
                                                    `<parameter>.momentum_buffer` (Muon)
        random-00000-of-00002.safetensors           random states of that rank

The JSON is written last, so a folder without one was never finished. Nothing is pickled. Everything that is read may be
damaged: errors are ValueErrors that name the file.
"""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import blake3
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

FORMAT = 2
READABLE = (1, FORMAT)  # format 1 is that of before Muon, loss scaling and the guard: what it lacks has a default
DESCRIPTION = "checkpoint.json"
MAX_DESCRIPTION_BYTES = 64 * 2**20
FOLDER_NAME = re.compile(r"step-(\d{8,12})")
FILE_NAME = re.compile(r"(weights|optimizer|random)-\d{5}-of-\d{5}\.safetensors")


@dataclass(frozen=True)
class CheckpointInfo:
    """What checkpoint.json says."""

    folder: Path
    step: int
    """Optimizer steps taken."""
    cursor: int
    """Samples taken since the start."""
    tokens: int
    """Tokens trained on."""
    optimizer_steps: int
    """Updates that AdamW has made, for its bias correction: steps that were left out are not among them."""
    model: dict[str, Any]
    """The ModelConfig."""
    train: dict[str, Any]
    """The TrainConfig."""
    layout: dict[str, Any]
    """Ranks, ZeRO stage, data type, micro-batch and threads: what the last bits of the weights depend on."""
    loss: float
    """Loss of the last step that was not left out."""
    validation: dict[str, float]
    """Newest validation loss by source."""
    skipped: list[list[int]] = field(default_factory=list)
    """Ranges [from, to) of the cursor that were left out."""
    guard: dict[str, Any] = field(default_factory=dict)
    """The history that the guard against spikes goes by."""
    loss_scale: dict[str, Any] = field(default_factory=dict)
    """State of the loss scaling for float16."""
    samples: dict[str, Any] = field(default_factory=dict)
    """What decides which sample a cursor means; under another order the cursor says nothing."""
    parent: dict[str, Any] | None = None
    """Identity of the checkpoint or folder that the run began from, and what was taken over; null: random weights."""
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Name to {"bytes", "blake3"}."""

    def tensors_of(self, kind: str) -> list[Path]:
        """The files of one kind: "weights", "optimizer" or "random"."""
        return [self.folder / name for name in sorted(self.files) if name.startswith(kind + "-")]


def folder_name(step: int) -> str:
    return f"step-{step:08d}"


def file_name(kind: str, rank: int, ranks: int) -> str:
    return f"{kind}-{rank:05d}-of-{ranks:05d}.safetensors"


def shares(sizes: dict[str, int], ranks: int) -> list[list[str]]:
    """Which rank writes which tensor: the largest first, each to the rank that has least so far."""
    loads = [0] * ranks
    names: list[list[str]] = [[] for _ in range(ranks)]
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        rank = loads.index(min(loads))
        loads[rank] += sizes[name]
        names[rank].append(name)
    return names


def write_tensors(path: Path, tensors: dict[str, Tensor]) -> dict[str, Any]:
    """Write one file and return its {"bytes", "blake3"}. The bytes are a function of the tensors alone."""
    save_file(tensors, path)
    return _identity(path)


def write_description(info: CheckpointInfo) -> None:
    """Write checkpoint.json, which makes the folder a checkpoint."""
    content = {"format": FORMAT, **asdict(info)}
    del content["folder"]
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    (info.folder / DESCRIPTION).write_text(text, encoding="utf-8")


def read_checkpoint(folder: Path) -> CheckpointInfo:
    """Read checkpoint.json and check that the files it lists are there in full size; ValueError otherwise."""
    path = folder / DESCRIPTION
    try:
        if path.stat().st_size > MAX_DESCRIPTION_BYTES:
            raise ValueError(f"{path}: larger than {MAX_DESCRIPTION_BYTES} bytes, not a checkpoint's description")
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}; {folder} is not a whole checkpoint") from None
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not readable as JSON ({error})") from None
    if not isinstance(content, dict) or content.pop("format", None) not in READABLE:
        raise ValueError(
            f"{path}: not of format {' or '.join(map(str, READABLE))}; open it with the Gristmill version that wrote it"
        )
    try:
        info = CheckpointInfo(folder=folder, **content)
        for name, identity in info.files.items():
            _check_size(folder, name, identity["bytes"])
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: fields missing or unknown ({error})") from None
    return info


def verify(info: CheckpointInfo, kinds: tuple[str, ...] = ("weights", "optimizer", "random")) -> None:
    """Hash every file of these kinds; ValueError naming the first whose content is not what was written."""
    for name, identity in sorted(info.files.items()):
        if name.split("-")[0] in kinds and _identity(info.folder / name) != identity:
            raise ValueError(f"{info.folder / name}: content differs from its BLAKE3 in {DESCRIPTION}")


def newest_checkpoint(folder: Path) -> tuple[CheckpointInfo | None, list[str]]:
    """The newest whole checkpoint in `folder`, verified, and why each newer one was passed over."""
    damaged: list[str] = []
    for candidate in reversed(checkpoint_folders(folder)):
        try:
            info = read_checkpoint(candidate)
            verify(info)
            return info, damaged
        except ValueError as error:
            damaged.append(str(error))
    return None, damaged


def checkpoint_folders(folder: Path) -> list[Path]:
    """The folders named as checkpoints, whole or not, by step."""
    found = [path for path in folder.glob("step-*") if FOLDER_NAME.fullmatch(path.name) and path.is_dir()]
    return sorted(found, key=lambda path: int(path.name.removeprefix("step-")))


def open_tensors(info: CheckpointInfo, kind: str) -> Callable[[str], Tensor]:
    """A reader of single tensors by name, whichever file they are in. Raises ValueError naming file or tensor."""
    homes: dict[str, Path] = {}
    for path in info.tensors_of(kind):
        try:
            with safe_open(path, framework="pt") as file:
                homes |= dict.fromkeys(file.keys(), path)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{path}: not readable as safetensors ({error})") from None

    def read(name: str) -> Tensor:
        if name not in homes:
            raise ValueError(f"{info.folder}: no tensor {name} in its {kind} files")
        try:
            with safe_open(homes[name], framework="pt") as file:
                return file.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{homes[name]}: not readable as safetensors ({error})") from None

    return read


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


def _identity(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "blake3": blake3.blake3().update_mmap(path).hexdigest()}


def _check_size(folder: Path, name: str, size: int) -> None:
    if not FILE_NAME.fullmatch(name):
        raise ValueError(f"{folder / DESCRIPTION}: lists {name!r}, which is no file of a checkpoint")
    path = folder / name
    if not path.is_file():
        raise ValueError(f"{path}: missing")
    if path.stat().st_size != size:
        raise ValueError(f"{path}: {path.stat().st_size} bytes, but {size} were written")
