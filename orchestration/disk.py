"""A full disk: recognised in whatever error it ends, and told with path, need and remedy."""

import errno
import shutil
from pathlib import Path

FULL = (errno.ENOSPC, errno.EDQUOT)
WORDS = ("No space left on device", "Disk quota exceeded")  # what libraries of Rust and C++ make of these numbers


class DiskFull(OSError):
    """A disk is full; the message names path, need and remedy."""


def disk_full(path: Path, need: int | None = None, option: str = "--workdir") -> DiskFull:
    """The error for a path that `need` more bytes were to be written below, as far as that is known.

    `option` is the command's option by which another folder can be chosen.
    """
    there = next((folder for folder in (path, *path.parents) if folder.exists()), Path("/"))
    free = shutil.disk_usage(there).free
    needs = "more than it has" if need is None else f"about {size(need)} more"
    return DiskFull(f"disk full: {path}: needs {needs}, {size(free)} free; free space or choose another {option}")


def size(bytes: int) -> str:
    """A number of bytes for people."""
    return f"{bytes / 1e9:,.1f} GB" if bytes >= 1e9 else f"{bytes / 1e6:,.1f} MB"


def find_full_disk(error: BaseException) -> BaseException | None:
    """The error in the chain of an error's causes that speaks of a full disk, if there is one; a DiskFull before others."""
    chain: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop(0)
        if each is not None and all(each is not known for known in chain):
            chain.append(each)
            waiting += [each.__cause__, each.__context__, getattr(each, "cause", None)]  # `cause` is of a task of Ray
    found = [each for each in chain if _is_full(each)]
    return next((each for each in found if isinstance(each, DiskFull)), found[0] if found else None)


def _is_full(error: BaseException) -> bool:
    return getattr(error, "errno", None) in FULL or isinstance(error, DiskFull) or any(w in str(error) for w in WORDS)
