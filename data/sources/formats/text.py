"""Plain text and Markdown, plain or compressed: one document a file, or a line."""

from collections.abc import Iterator

from data.sources.config import SourceConfig
from data.sources.encodings import UTF8, as_utf8, decode
from data.sources.formats.lines import read_lines
from data.sources.record import DamagedStream, Record, Unreadable, excerpt, rest_unreadable, too_large
from data.sources.streams.input import Input, ReadLimits


def read_text(input: Input, source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    """The whole file as one record, or each line as one; with or without a byte order mark."""
    if source.text.documents == "line":
        yield from _read_lines(input, source, limits)
        return
    content = read_whole(input, limits)
    yield content if isinstance(content, Unreadable) else _decoded("0", content, source, source.encoding)


def _read_lines(input: Input, source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    input, encoding = as_utf8(input, source)
    for line in read_lines(input, limits):
        if isinstance(line, Unreadable):
            yield line
        elif line.bytes > limits.record_bytes:
            yield Unreadable(line.place, too_large(line.bytes, limits.record_bytes), excerpt(line.content), line.bytes)
        elif not line.content.isspace() and line.content:  # blank lines are no documents
            read = _decoded(line.place, line.content, source, UTF8)
            yield read._replace(encoding=encoding) if isinstance(read, Record) else read


def _decoded(place: str, content: bytes, source: SourceConfig, encoding: str) -> Record | Unreadable:
    try:
        text, found = decode(content, encoding)
    except UnicodeDecodeError as problem:
        error = f"invalid {problem.encoding}: {problem.reason} at byte {problem.start}; the field `encoding` can say another"
        return Unreadable(place, error, excerpt(content), len(content))
    return Record(place, {source.text_field: text}, len(content), found)


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
