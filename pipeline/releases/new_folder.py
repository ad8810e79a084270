"""A folder that a command is to make: refused before anything is computed if it cannot be, and whole or absent in the end."""

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestration.files import commit_folder


@contextmanager
def new_folder(folder: Path, option: str) -> Iterator[Path]:
    """An empty folder to write into, which is renamed to `folder` at the end, or removed when that is not reached.

    Raises ValueError naming the command's `option` when `folder` exists or cannot be made.
    """
    if folder.exists():
        raise ValueError(f"{option} {folder}: exists already; choose another folder or remove it")
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        temporary.mkdir(parents=True)
    except OSError as error:
        raise ValueError(f"{option} {folder}: cannot be made ({error.strerror}); choose another folder") from error
    try:
        yield temporary
        commit_folder(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
