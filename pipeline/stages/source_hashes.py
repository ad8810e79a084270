"""The sources that a stage reads from outside the store, and their hashes. Those of local files are remembered."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Annotated, Any, TypeAlias

import blake3
from pydantic import AfterValidator, Field, TypeAdapter
from typing_extensions import TypedDict  # pydantic accepts the TypedDict of typing only from Python 3.12 on

from orchestration.files import checksum, write_json
from orchestration.identity import digest
from orchestration.side_records import read_side_record

SMALL_BYTES = 1 << 20  # A smaller file is hashed faster when it is read than when it is mapped into memory.


@dataclass(frozen=True, slots=True)
class Remote:
    """A file behind a URL."""

    identity: str  # what its server says of it: size and ETag, or date of change
    bytes: int


# For each folder and file name: size, time of change in nanoseconds, and BLAKE3. Folders are written once, as there may be
# 100,000 files.
_Known: TypeAlias = dict[str, dict[str, Annotated[str, Field(pattern=r"^\d+ \d+ [0-9a-f]{64}$")]]]


class _Cache(TypedDict):
    files: _Known
    digest: str  # of `files`, since a wrong hash in it would cause everything to be built again


def _undamaged(cache: _Cache) -> _Known:
    if cache["digest"] != digest(cache["files"]):
        raise ValueError("the digest is that of other files")
    return cache["files"]


# Stores of format 1 may have the mapping `files` alone.
_SHAPE: TypeAdapter[Any] = TypeAdapter(Annotated[_Cache, AfterValidator(_undamaged)] | _Known)

# A source is a local file or folder, a file behind a URL, or many of these by name.
Source: TypeAlias = "str | Path | Remote | Mapping[str, Source]"


class SourceHashes:
    """Hashes of sources. Those of local files are remembered in the JSON file `path`, with the file's size and time of change.

    With `verify`, remembered hashes are not used.
    """

    def __init__(self, path: Path, verify: bool) -> None:
        self._path, self._verify = path, verify
        self._known: _Known = read_side_record(path, _SHAPE, "the sources are hashed again") or {}
        self._new = False

    def of(self, source: Source) -> str:
        """The hash of a source: BLAKE3 of a file, a hash of the names and hashes of a folder's files, or a URL's identity.

        Raises ValueError when there is no such file.
        """
        if isinstance(source, Remote):
            return source.identity
        if isinstance(source, Mapping):
            return digest({name: self.of(part) for name, part in source.items()})
        try:
            status = os.stat(source)  # noqa: PTH116 (a Path each takes long for 100,000 files)
        except OSError:
            raise ValueError(f"{source}: there is no such file") from None
        if S_ISDIR(status.st_mode):
            files = sorted(file for file in Path(source).rglob("*") if file.is_file())
            return digest({file.relative_to(source).as_posix(): self.of(file) for file in files})
        if not S_ISREG(status.st_mode):
            raise ValueError(f"{source}: there is no such file")
        return self._of_file(str(source), status)

    def _of_file(self, path: str, status: os.stat_result) -> str:
        folder, name = os.path.split(path)
        names = self._known.setdefault(_real(folder), {})
        seen = f"{status.st_size} {status.st_mtime_ns} "
        known = names.get(name, "")
        if self._verify or not known.startswith(seen):
            known = names[name] = seen + (
                _read_checksum(path) if status.st_size < SMALL_BYTES else checksum(Path(path))
            )
            self._new = True
        return known.removeprefix(seen)

    def save(self) -> None:
        """Write the hashes to `path`, if there are new ones and its folder is there."""
        if self._new and self._path.parent.is_dir():
            write_json(self._path, _Cache(files=self._known, digest=digest(self._known)))


def source_bytes(source: Source) -> int:
    """The size of a source in bytes; 0 for a folder and for a file that is not there."""
    if isinstance(source, Remote):
        return source.bytes
    if isinstance(source, Mapping):
        return sum(source_bytes(part) for part in source.values())
    path = Path(source)
    return path.stat().st_size if path.is_file() else 0


@cache
def _real(folder: str) -> str:
    """The real path of a folder, as text that can be written as JSON whatever bytes the path has."""
    return os.fsencode(os.path.realpath(folder)).decode(errors="backslashreplace")


def _read_checksum(path: str) -> str:
    with open(path, "rb") as file:  # noqa: PTH123
        return blake3.blake3(file.read()).hexdigest()
