"""Side records: caches, and notes on how a run went, which a command can do without.

They are read like outside input, against the shape that their reader needs. A record that is torn or of another shape is passed
over with a line on the error stream. No command ends because of a side record.
"""

import sys
from functools import cache
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")


def read_side_record(path: Path, shape: TypeAdapter[T], otherwise: str) -> T | None:
    """The content of a JSON file; None where the file is missing, cannot be read, or is not of this shape.

    A line on the error stream names a file that is there and cannot be used; `otherwise` is the end of that line and says what
    happens without the record. Nothing is raised.
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
    """The lines of a JSON Lines log that are of this shape, oldest first; an empty list where the file is missing.

    A line on the error stream says how many lines were passed over. Nothing is raised.
    """
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
    """A line of a JSON Lines log; None when it is not of this shape, such as the half line that a killed writer leaves."""
    try:
        return shape.validate_json(line, strict=True)
    except ValidationError:
        return None


@cache  # A command may read the same record several times, and says this only once.
def say_once(message: str) -> None:
    """Print a line for the user on the error stream. The same message is printed only once in a process."""
    print(f"gristmill: {message}", file=sys.stderr)
