"""Records that a command can do without: caches, and what was written down of how a run went.

They are read like outside input, against the shape that their reader needs: what is torn or of another shape is passed over with
a word on the error stream. A command never ends because of one.
"""

import sys
from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


def read_side_record(path: Path, shape: TypeAdapter[T], otherwise: str) -> T | None:
    """The content of a JSON file; None where the file is missing, or is not of this shape.

    `otherwise` says what happens without it, as the end of the sentence on the error stream.
    """
    try:
        return shape.validate_json(path.read_bytes(), strict=True)
    except FileNotFoundError:
        return None
    except ValidationError:
        say_once(f"{path}: torn or damaged; {otherwise}")
    except OSError as error:
        say_once(f"{path}: cannot be read ({error.strerror}); {otherwise}")
    return None


def read_side_lines(path: Path, shape: TypeAdapter[T]) -> list[T]:
    """The lines of a JSON Lines log that are of this shape, oldest first; none where the file is missing."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        say_once(f"{path}: cannot be read ({error.strerror}); it is passed over")
        return []
    found = [value for line in lines if line.strip() and (value := parse_line(line, shape)) is not None]
    passed_over = sum(bool(line.strip()) for line in lines) - len(found)
    if passed_over:
        say_once(f"{path}: {passed_over} of {len(lines)} lines are torn or damaged and are passed over")
    return found


def parse_line(line: bytes, shape: TypeAdapter[T]) -> T | None:
    """A line of a JSON Lines log, None when it is not of this shape: a killed writer leaves half a line."""
    try:
        return shape.validate_json(line, strict=True)
    except ValidationError:
        return None


@cache  # A command may read a record several times.
def say_once(message: str) -> None:
    """Print a word to the user on the error stream, once in a process."""
    print(f"gristmill: {message}", file=sys.stderr)
