"""The checkpoint format: a folder of safetensors and one JSON, readable by any number of ranks at any ZeRO stage.

    step-00000100/
        checkpoint.json                             step, cursor, configs, layout, every file's size and BLAKE3, and a
                                                    checksum of all this
        weights-00000-of-00002.safetensors          float32 parameters by name, whole, shared out over the files
        optimizer-00000-of-00002.safetensors        `<parameter>.exp_avg` and `<parameter>.exp_avg_sq`, likewise (AdamW);
                                                    `<parameter>.momentum_buffer` (Muon)
        random-00000-of-00002.safetensors           random states of that rank

The JSON is written last, so a folder without one was never finished. Nothing is pickled. Everything that is read may be
damaged: errors are ValueErrors that name the file and what to do. This file knows folder and JSON and imports no torch;
`model.formats.tensors` knows the tensors.
"""

import json
import re
from pathlib import Path
from typing import Any

import blake3
from pydantic import Field, NonNegativeInt, PositiveInt, ValidationError

from model.formats.progress import Progress
from model.formats.reading import read_json
from model.network.config import ModelConfig
from model.section import Section

FORMAT = 3
# Format 1 is older than Muon, loss scaling and the guard: what it lacks has a default. Up to 2 there was no checksum.
READABLE = (1, 2, FORMAT)
DESCRIPTION = "checkpoint.json"
MAX_DESCRIPTION_BYTES = 64 * 2**20
FOLDER_NAME = re.compile(r"step-(\d{8,12})")
FILE_NAME = re.compile(r"(weights|optimizer|random)-\d{5}-of-\d{5}\.safetensors")
REMEDY = "put a whole copy in its place, or leave it: training goes on from an older checkpoint, or starts again"


class WrittenFile(Section):
    """What a file of a checkpoint was when it was written."""

    bytes: NonNegativeInt
    blake3: str


class RankLayout(Section):
    """How the work was shared out over the ranks: the last bits of the weights depend on it."""

    ranks: PositiveInt
    zero_stage: int
    dtype: str
    micro_batch: int
    """Samples that one rank takes at once."""
    threads: int
    """CPU threads of each rank."""


class CheckpointInfo(Section):
    """What checkpoint.json says. The fields of `progress` stand beside the others there, not in a section of their own."""

    folder: Path = Field(exclude=True)
    progress: Progress
    optimizer_steps: NonNegativeInt
    """Updates that AdamW has made, for its bias correction: steps that were left out are not among them."""
    model: ModelConfig
    train: dict[str, Any]
    """The TrainConfig."""
    layout: RankLayout
    loss_scale: dict[str, int | float] = Field(default={})
    """State of the loss scaling for float16."""
    samples: dict[str, Any] = Field(default={})
    """What decides which sample a cursor means; under another order the cursor says nothing."""
    files: dict[str, WrittenFile] = Field(default={})
    """By name."""

    def tensors_of(self, kind: str) -> list[Path]:
        """The files of one kind: "weights", "optimizer" or "random"."""
        return [self.folder / name for name in sorted(self.files) if name.startswith(kind + "-")]


def folder_name(step: int) -> str:
    return f"step-{step:08d}"


def file_name(kind: str, rank: int, ranks: int) -> str:
    return f"{kind}-{rank:05d}-of-{ranks:05d}.safetensors"


def write_description(info: CheckpointInfo) -> None:
    """Write checkpoint.json, which makes the folder a checkpoint."""
    content = {"format": FORMAT, **info.progress.model_dump(mode="json")}
    content |= info.model_dump(mode="json", exclude={"progress"})
    content["checksum"] = _checksum(content)
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    (info.folder / DESCRIPTION).write_text(text, encoding="utf-8")


def read_checkpoint(folder: Path) -> CheckpointInfo:
    """Read checkpoint.json and check that the files it lists are there in full size.

    Raises ValueError in one line when there is none, when it is not what was written, or when a file is missing or cut.
    """
    path = folder / DESCRIPTION
    try:
        content = read_json(path, MAX_DESCRIPTION_BYTES)
    except ValueError as error:
        raise ValueError(f"{error}; {REMEDY}") from None
    if content.get("format") not in READABLE:
        raise ValueError(
            f"{path}: not of format {', '.join(map(str, READABLE))}; open it with the Gristmill version that wrote it"
        )
    if content.pop("format") == FORMAT and content.pop("checksum", None) != _checksum({"format": FORMAT, **content}):
        raise ValueError(f"{path}: its values are not those that were written (another checksum); {REMEDY}")
    progress = {name: content.pop(name) for name in Progress.model_fields if name in content}
    try:
        info = CheckpointInfo.model_validate({**content, "folder": folder, "progress": progress})
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise ValueError(f"{path}: {field!r}: {first['msg']}; {REMEDY}") from None
    for name, written in info.files.items():
        _check_size(folder, name, written.bytes)
    return info


def verify(info: CheckpointInfo, kinds: tuple[str, ...] = ("weights", "optimizer", "random")) -> None:
    """Hash every file of these kinds; ValueError naming the first whose content is not what was written."""
    for name, written in sorted(info.files.items()):
        if name.split("-")[0] in kinds and file_identity(info.folder / name) != written:
            raise ValueError(f"{info.folder / name}: content differs from its BLAKE3 in {DESCRIPTION}; {REMEDY}")


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


def find_checkpoint(folder: Path) -> Path:
    """`folder` itself if it is a checkpoint or a Hugging Face folder, or the newest of the checkpoints in it.

    Raises ValueError when there is neither.
    """
    if (folder / DESCRIPTION).is_file() or (folder / "config.json").is_file():
        return folder
    whole = [path for path in checkpoint_folders(folder) if (path / DESCRIPTION).is_file()]
    if not whole:
        found = "neither a checkpoint nor a Hugging Face folder" if folder.is_dir() else "there is no such folder"
        raise ValueError(f"{folder}: {found}; give one with {DESCRIPTION}, config.json or step-* checkpoints in it")
    return whole[-1]


def file_identity(path: Path) -> WrittenFile:
    """Size and hash of a file as it is now."""
    return WrittenFile(bytes=path.stat().st_size, blake3=blake3.blake3().update_mmap(path).hexdigest())


def _checksum(content: dict[str, Any]) -> str:
    """BLAKE3 of the values of a description without its checksum, however the file is laid out."""
    return blake3.blake3(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _check_size(folder: Path, name: str, size: int) -> None:
    if not FILE_NAME.fullmatch(name):
        raise ValueError(f"{folder / DESCRIPTION}: lists {name!r}, which is no file of a checkpoint; {REMEDY}")
    path = folder / name
    if not path.is_file():
        raise ValueError(f"{path}: missing; {REMEDY}")
    if path.stat().st_size != size:
        raise ValueError(f"{path}: {path.stat().st_size} bytes, but {size} were written; {REMEDY}")
