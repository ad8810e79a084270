"""Files and folders that are either whole or absent, and their checksums."""

import json
import os
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import blake3

from orchestration.identity import digest

_LARGE = 64 * 2**20  # bytes above which hashing is worth several threads


def checksum(path: Path) -> str:
    """The BLAKE3 hash of a file's bytes, as 64 hexadecimal digits; raises OSError when the file cannot be read."""
    hasher = blake3.blake3(max_threads=blake3.blake3.AUTO if path.stat().st_size > _LARGE else 1)
    return hasher.update_mmap(path).hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file so that a reader sees the old content or the new, never a part of it."""
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically. Keys are sorted, so that equal values give equal bytes. Raises ValueError for a NaN."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """The value in a JSON file; raises ValueError that names the file when it is not JSON, OSError when it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not readable as JSON ({error})") from error


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object with a checksum of its own, so that an edited number in it is noticed."""
    write_json(path, {**value, "checksum": digest(value)})


def read_sealed(path: Path) -> dict[str, Any]:
    """The value that `write_sealed` wrote; raises ValueError that names the file when it is not as it was written.

    Raises OSError when the file cannot be read.
    """
    value = read_json(path)
    own = value.pop("checksum", None) if isinstance(value, dict) else None
    try:
        if own is not None and own == digest(value):
            return dict(value)
    except TypeError:  # The value has a NaN or an infinity, which `write_sealed` never writes.
        pass
    raise ValueError(f"{path}: changed since it was written (its own checksum differs)")


def sync(path: Path) -> None:
    """Flush a file or folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def commit_folder(temporary: Path, final: Path) -> None:
    """Rename a finished folder to `final`. All its files reach the disk first, so a folder of that name is always whole.

    When `final` exists already (a retry lost the race against its first attempt) the temporary folder is removed: both hold
    the same bytes, because the functions that write such folders are deterministic.
    """
    for root, _, names in os.walk(temporary):
        for name in names:
            sync(Path(root) / name)
        sync(Path(root))
    try:
        temporary.rename(final)
    except OSError:
        if not final.is_dir():
            raise
        shutil.rmtree(temporary)
    sync(final.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove the hidden temporary files and folders that killed writers left in a folder. Nobody may be writing into it."""
    for path in folder.glob(".*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def files_below(folder: Path) -> list[Path]:
    """The paths of all files below a folder, relative to it and sorted. Asserts that there is no symbolic link."""
    found = []
    for root, folders, names in os.walk(folder):
        for name in (*folders, *names):
            path = Path(root) / name
            assert not path.is_symlink(), f"{path} is a symbolic link inside an artifact"
        found += [(Path(root) / name).relative_to(folder) for name in names]
    return sorted(found, key=lambda path: path.as_posix())


def describe_files(
    folder: Path, leave_out: frozenset[str] = frozenset(), known: Mapping[str, Mapping[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """An entry `{path, bytes, checksum}` for every file below a folder, sorted by path.

    Files whose name is in `leave_out` have no entry. `known` maps paths to entries that are known already; those files are
    not read.
    """
    described = []
    for path in files_below(folder):
        name = path.as_posix()
        if path.name in leave_out:
            continue
        if known and name in known:
            facts = known[name]
            described.append({"path": name, "bytes": facts["bytes"], "checksum": facts["checksum"]})
        else:
            size = (folder / path).stat().st_size
            described.append({"path": name, "bytes": size, "checksum": checksum(folder / path)})
    return described


def folder_bytes(folder: Path) -> int:
    """The size of all files below a folder together, in bytes."""
    return sum((folder / path).stat().st_size for path in files_below(folder))
