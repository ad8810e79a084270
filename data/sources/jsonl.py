"""JSON Lines, plain or compressed: one JSON object a line."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from data.sources.byte_stream import DamagedStream, byte_stream
from data.sources.record import Record, Unreadable, too_large

BOM = b"\xef\xbb\xbf"
KEPT_BYTES = 2000  # of a line that is too long, for the excerpt


@dataclass(frozen=True, slots=True)
class Line:
    """A line without its newline; of a line over the limit `content` is only the beginning."""

    offset: int
    content: bytes
    bytes: int


def read_jsonl(path: Path, limit: int) -> Iterator[Record | Unreadable]:
    """The records of `path`; `place` is the byte offset of the line. Lines of over `limit` bytes are never held whole."""
    for line in _lines(byte_stream(path), limit):
        if isinstance(line, Unreadable):
            yield line
        elif line.content.strip():  # blank lines are no records
            yield _parse(line, limit)


def _parse(line: Line, limit: int) -> Record | Unreadable:
    content = line.content.removeprefix(BOM) if line.offset == 0 else line.content
    if line.bytes > limit:
        error = too_large(line.bytes, limit)
    else:
        try:
            fields = json.loads(content.decode())
        except UnicodeDecodeError as problem:
            error = f"invalid UTF-8: {problem.reason} at byte {problem.start} of the line"
        except ValueError as problem:
            error = f"invalid JSON: {problem}"
        except RecursionError:
            error = "invalid JSON: nested too deeply"
        else:
            if isinstance(fields, dict):
                return Record(line.offset, fields, line.bytes)
            error = f"not a JSON object but {type(fields).__name__}"
    return Unreadable(line.offset, error, _excerpt(content), line.bytes)


def _excerpt(content: bytes) -> str:
    return content[:KEPT_BYTES].decode(errors="replace")


def _lines(chunks: Iterator[bytes], limit: int) -> Iterator[Line | Unreadable]:
    """The lines and, where the stream is damaged, what follows the last whole line as one unreadable record."""
    offset = 0  # of the line that is being read
    held, size = (
        bytearray(),
        0,
    )  # its bytes so far (their beginning, once they are more than the limit) and their number
    try:
        for chunk in chunks:
            start = 0
            while (end := chunk.find(b"\n", start)) >= 0:
                size += end - start
                held += chunk[start : min(end, start + limit)]
                yield Line(offset, bytes(held[:KEPT_BYTES] if size > limit else held), size)
                offset += size + 1
                held.clear()
                size, start = 0, end + 1
            size += len(chunk) - start
            held += chunk[start : start + limit]
            if size > limit:
                del held[KEPT_BYTES:]
    except DamagedStream as problem:
        yield Unreadable(offset, f"the rest of the file cannot be read: {problem}", _excerpt(bytes(held)), size)
        return
    if size:
        yield Line(offset, bytes(held[:KEPT_BYTES] if size > limit else held), size)
