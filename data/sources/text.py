"""Plain text, plain or compressed: one document a file."""

from collections.abc import Iterator
from pathlib import Path

from data.sources.byte_stream import DamagedStream, byte_stream
from data.sources.record import Record, Unreadable, too_large

KEPT_BYTES = 2000  # for the excerpt


def read_text(path: Path, text_field: str, limit: int) -> Iterator[Record | Unreadable]:
    """The whole file as one record, UTF-8 with or without a byte order mark."""
    content = read_whole(path, limit)
    if isinstance(content, Unreadable):
        yield content
        return
    try:
        yield Record(0, {text_field: content.decode("utf-8-sig")}, len(content))
    except UnicodeDecodeError as problem:
        error = f"invalid UTF-8: {problem.reason} at byte {problem.start}"
        yield Unreadable(0, error, content[:KEPT_BYTES].decode(errors="replace"), len(content))


def read_whole(path: Path, limit: int) -> bytes | Unreadable:
    """The decompressed bytes of a file of at most `limit` bytes."""
    content = bytearray()
    size = 0
    error = None
    try:
        for piece in byte_stream(path):
            size += len(piece)
            content += piece[: max(0, limit - len(content))]
    except DamagedStream as problem:
        error = f"the rest of the file cannot be read: {problem}"
    if size > limit:
        error = too_large(size, limit)
    if error is None:
        return bytes(content)
    return Unreadable(0, error, content[:KEPT_BYTES].decode(errors="replace"), size)
