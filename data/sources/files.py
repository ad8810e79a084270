"""What a recipe says about its sources, and the files that it names."""

import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from data.normalise import Normalisation

Format = Literal["text", "jsonl", "parquet", "html", "datasets"]

FORMAT_BY_SUFFIX: dict[str, Format] = {
    ".txt": "text",
    ".text": "text",
    ".md": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
}
COMPRESSED = (".gz", ".zst")


class SourceConfig(BaseModel):
    """One source of text. Relative paths start at the recipe's folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z0-9_-]+$")  # unique; part of every document's id
    path: str | list[str]  # files, globs (** for any depth) or folders; for format datasets a folder or a hub name
    format: Literal["auto"] | Format = "auto"  # auto goes by the suffix: .txt .md .jsonl .parquet .html, also .gz .zst
    text_field: str = "text"  # of JSON Lines, Parquet and datasets, like the fields below
    id_field: str | None = None  # the record's own id: kept in meta under "id"
    uri_field: str | None = None  # without it the uri is file#place
    license_field: str | None = None  # where a record has its own licence
    license: str = "unknown"  # SPDX identifier of all other records
    meta_fields: list[str] = []  # copied into meta
    config: str | None = None  # datasets only: the configuration (subset)
    split: str = "train"  # datasets only
    revision: str | None = None  # datasets of the hub only: the commit, so that a run can be repeated

    @field_validator("path")
    @classmethod
    def _names_something(cls, path: str | list[str]) -> str | list[str]:
        if not path or not all(path):
            raise ValueError("names no file: give a path, a glob or a folder")
        return path

    @model_validator(mode="after")
    def _one_dataset(self) -> "SourceConfig":
        if self.format == "datasets" and not isinstance(self.path, str):
            raise ValueError("with format datasets a source has one path: give each dataset a source of its own")
        return self

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields that are read, the text first."""
        named = [self.text_field, self.id_field, self.uri_field, self.license_field, *self.meta_fields]
        return tuple(dict.fromkeys(name for name in named if name is not None))


class CollectConfig(BaseModel):
    """Where the text comes from and how it is brought into one form."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sources: list[SourceConfig] = Field(min_length=1)
    normalise: Normalisation = "ftfy"  # ftfy: mojibake, entities, control characters, NFC; nfc: NFC and newlines only
    shard_mb: int = Field(default=64, gt=0)  # input that one task reads, and text in one document shard
    max_record_mb: int = Field(default=64, gt=0, le=1024)  # a longer record is quarantined; bounds a task's memory

    @field_validator("sources")
    @classmethod
    def _unique_names(cls, sources: list[SourceConfig]) -> list[SourceConfig]:
        names = [source.name for source in sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two sources are called {name!r}: names must differ, document ids are made from them")
        return sources


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One file of a source, or a whole dataset of the hub (then `absolute` is empty)."""

    source: str
    path: str  # as the recipe would write it: relative to its folder unless the source's path is absolute
    absolute: str
    bytes: int
    format: Format


def list_files(config: CollectConfig, base: Path) -> list[SourceFile]:
    """The files of all sources, those of a source sorted by path.

    Raises ValueError when a path matches no file, or when a file's suffix does not tell its format.
    """
    return [file for source in config.sources for file in _files_of(source, base)]


def _files_of(source: SourceConfig, base: Path) -> list[SourceFile]:
    paths = [source.path] if isinstance(source.path, str) else source.path
    if source.format == "datasets":
        return _dataset_files(source, paths[0], base)
    found = sorted({path for pattern in paths for path in _matches(source, pattern, base)})
    return [
        SourceFile(source.name, path, str(base / path), (base / path).stat().st_size, _format(source, path))
        for path in found
    ]


def _matches(source: SourceConfig, pattern: str, base: Path) -> list[str]:
    """The files that `pattern` means, as paths relative to `base` (or absolute, as `pattern` is)."""
    # Not Path.glob: it refuses absolute patterns and takes hidden files.
    named = [pattern] if (base / pattern).exists() else glob.glob(pattern, root_dir=base, recursive=True)  # noqa: PTH207
    files: list[str] = []
    for path in named:
        files += _walk(path, base) if (base / path).is_dir() else [path]
    if not files:
        raise ValueError(f"source {source.name}: path {pattern!r} matches no file under {base}")
    return [Path(os.path.normpath(path)).as_posix() for path in files]


def _walk(folder: str, base: Path) -> list[str]:
    """The files in `folder` at any depth; hidden ones are left out, as by a glob."""
    return [
        str(Path(folder) / path.relative_to(base / folder))
        for path in (base / folder).rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(base / folder).parts)
    ]


def _format(source: SourceConfig, path: str) -> Format:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ValueError(f"source {source.name}: the file name {path!a} is not UTF-8: rename it") from None
    if source.format != "auto":
        return source.format
    plain = Path(path).with_suffix("") if path.endswith(COMPRESSED) else Path(path)
    suffix = plain.suffix.lower()
    if suffix not in FORMAT_BY_SUFFIX:
        raise ValueError(
            f"source {source.name}: cannot tell the format of {path}: set format, or name its files by a glob"
        )
    return FORMAT_BY_SUFFIX[suffix]


def _dataset_files(source: SourceConfig, path: str, base: Path) -> list[SourceFile]:
    """A dataset is read as a whole, by one task; a local one is listed as its files for the sake of its identity."""
    if (base / path).is_dir():
        files = sorted(_walk(path, base))
        return [
            SourceFile(
                source.name,
                Path(os.path.normpath(file)).as_posix(),
                str(base / file),
                (base / file).stat().st_size,
                "datasets",
            )
            for file in files
        ]
    if source.revision is None:
        raise ValueError(
            f"source {source.name}: {path!r} is no folder, and to read it from the hub the source needs a revision "
            "(a commit of the dataset), so that the run can be repeated"
        )
    return [SourceFile(source.name, f"{path}@{source.revision}", "", 0, "datasets")]
