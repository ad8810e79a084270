"""Plain text and Markdown, plain or compressed: one document a file, or a line."""

from collections.abc import Iterator

from data.sources.config import SourceConfig
from data.sources.formats.lines import read_lines
from data.sources.record import DamagedStream, Record, Unreadable, excerpt, rest_unreadable, too_large
from data.sources.streams.input import Input, ReadLimits


def read_text(input: Input, source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    """The whole file as one record, or each line as one; UTF-8 with or without a byte order mark."""
    if source.text.documents == "line":
        yield from _read_lines(input, source, limits)
        return
    content = read_whole(input, limits)
    yield content if isinstance(content, Unreadable) else _decoded("0", content, source)


def _read_lines(input: Input, source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    for line in read_lines(input, limits):
        if isinstance(line, Unreadable):
            yield line
        elif line.bytes > limits.record_bytes:
            yield Unreadable(line.place, too_large(line.bytes, limits.record_bytes), excerpt(line.content), line.bytes)
        elif not line.content.isspace() and line.content:  # blank lines are no documents
            yield _decoded(line.place, line.content, source)


def _decoded(place: str, content: bytes, source: SourceConfig) -> Record | Unreadable:
    try:
        return Record(place, {source.text_field: content.decode("utf-8-sig")}, len(content))
    except UnicodeDecodeError as problem:
        error = f"invalid UTF-8: {problem.reason} at byte {problem.start}"
        return Unreadable(place, error, excerpt(content), len(content))


def read_whole(input: Input, limits: ReadLimits) -> bytes | Unreadable:
    """The decompressed bytes of a file that is one record."""
    pieces: list[bytes] = []
    size = 0
    try:
        for piece in input.chunks():
            if size <= limits.record_bytes:  # of a longer one only the size is needed
                pieces.append(piece)
            size += len(piece)
    except DamagedStream as problem:
        return rest_unreadable("0", problem, b"".join(pieces)[:2000], size)
    content = b"".join(pieces)
    if size > limits.record_bytes:
        return Unreadable("0", too_large(size, limits.record_bytes), excerpt(content[:2000]), size)
    return content
