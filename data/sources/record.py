"""What a reader of a source yields: records, and in their place what could not be read."""

from collections.abc import Mapping
from typing import NamedTuple

NOTHING: Mapping[str, int] = {}


class Record(NamedTuple):
    """One record of a file. `place` tells where it begins and never depends on how the work was cut.

    It is a byte offset of the decompressed file, a row number, an archive's member with a place in that, and so on.
    """

    place: str
    fields: Mapping[str, object]
    bytes: int  # size of the record in the decompressed file, or of its text where the file has columns
    encoding: str = "utf-8"  # that of the file
    left_out: Mapping[str, int] = NOTHING  # characters that an extraction left out, by kind


class Unreadable(NamedTuple):
    """A record, or the rest of a file, that could not be read."""

    place: str
    error: str
    excerpt: str
    bytes: int


class DamagedStream(Exception):
    """The stream is truncated, corrupt or too large: what follows cannot be read."""


EXCERPT_BYTES = 2000  # This much of an unreadable record is enough for the characters that quarantine keeps.


def excerpt(content: bytes) -> str:
    """The beginning of `content`, readable whatever its encoding."""
    return content[:EXCERPT_BYTES].decode(errors="replace")


def rest_unreadable(place: str, problem: object, content: bytes = b"", size: int = 0) -> Unreadable:
    """What follows `place`, where reading a file had to stop; `content` is the beginning of what was lost."""
    return Unreadable(place, f"the rest of the file cannot be read: {first_line(problem)}", excerpt(content), size)


def too_large(size: int, limit: int) -> str:
    """The error of a record of `size` bytes."""
    return f"the record has {size} bytes, more than the {limit} that max_record_mb allows"


def first_line(problem: object) -> str:
    """What `problem` says, on one line."""
    return (str(problem).splitlines() or [type(problem).__name__])[0]


def raise_if_no_damage(problem: Exception) -> None:
    """Raise an error of the file system or of a transfer: it has a number, pyarrow's OSError for a damaged page has none."""
    if isinstance(problem, OSError) and problem.errno is not None:
        raise problem
