"""Checking that a folder can be the workdir of runs."""

import os
import shutil
from pathlib import Path

from data.sources.listing import WORKDIR_MARK
from orchestration.disk import disk_full

FREE_BYTES = 2**30  # A run does not begin with less room than this on the disk of its workdir.


def check_name(workdir: Path) -> None:
    """Raise ValueError for a path that is not UTF-8: Ray and Weights & Biases could not pass it on."""
    shown = os.fsencode(workdir).decode(errors="backslashreplace")
    if shown != str(workdir):
        raise ValueError(f"--workdir {shown}: the name is not UTF-8; choose another folder")


def check_room(workdir: Path, need: int = 0) -> None:
    """Raise ValueError when the workdir cannot be made or written to, or has less room than FREE_BYTES and `need` bytes.

    Makes the folder if there is none, and marks it. Raises as `check_name` does, too.
    """
    check_name(workdir)
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        (workdir / WORKDIR_MARK).touch()
        free = shutil.disk_usage(workdir).free
    except OSError as error:
        raise ValueError(f"--workdir {workdir}: cannot be used ({os.strerror(error.errno or 0)})") from error
    if not os.access(workdir, os.W_OK):
        raise ValueError(f"--workdir {workdir}: not writable; choose another folder")
    if free < FREE_BYTES + need:
        raise ValueError(str(disk_full(workdir, FREE_BYTES + need)))
