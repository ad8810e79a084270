"""What a reader of a source yields: records, and in their place what could not be read."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Record:
    """One record of a file. `place` is where it begins: a byte offset of the decompressed file, or a row number."""

    place: int
    fields: Mapping[str, object]
    bytes: int  # of the record in the decompressed file, or of its text where the file has columns


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record, or the rest of a file, that could not be read."""

    place: int
    error: str
    excerpt: str
    bytes: int


def too_large(size: int, limit: int) -> str:
    """The error of a record of `size` bytes."""
    return f"the record has {size} bytes, more than the {limit} that max_record_mb allows"
