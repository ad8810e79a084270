"""A `.json` file that is one array of records, or one record; others are JSON Lines by another name."""

from collections.abc import Iterator
from typing import IO, cast

import ijson
import orjson

from data.sources.config import SourceConfig
from data.sources.encodings import Stream
from data.sources.formats.text import read_whole
from data.sources.record import DamagedStream, Record, Unreadable, excerpt, rest_unreadable, too_large
from data.sources.streams.byte_stream import compression_of
from data.sources.streams.input import Input, ReadLimits

BOM = b"\xef\xbb\xbf"
BEGINNING_BYTES = 1 << 16
MAX_DEPTH = 500  # Arrays and objects may be nested so deep; what is deeper could not be written as JSON again.


def is_one_value(input: Input, limits: ReadLimits) -> bool:
    """Whether a file called `.json` is one array or object, and not a line for each record."""
    name = input.name.lower()
    if not (name[: name.rfind(".")] if compression_of(name) else name).endswith(".json"):
        return False
    beginning = _beginning(input)
    if beginning.startswith(b"["):
        return True
    line, end, _ = beginning.partition(b"\n")
    return beginning.startswith(b"{") and bool(end) and not _is_object(line) and _is_one_object(input, limits)


def read_json(input: Input, source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    """The objects of the array in order, with their numbers for places, or the one object; a later part has nothing."""
    if input.start:
        return
    number = 0
    try:
        pieces = cast("IO[bytes]", Stream(_without_mark(input.chunks())))
        depth = 1 if _beginning(input).startswith(b"[") else 0
        for number, fields in enumerate(_values(pieces, depth)):
            yield _record(str(number), fields, source, limits)
    except (DamagedStream, ijson.JSONError, UnicodeDecodeError) as problem:
        yield rest_unreadable(str(number), problem)


def _values(pieces: IO[bytes], at: int) -> Iterator[object]:
    """The values that stand `at` so many arrays deep, 0 or 1.

    `ijson.items` would give the same in a time that grows with the square of the depth. Raises ijson.JSONError for what is no
    JSON, or nested more than MAX_DEPTH deep.
    """
    depth, value = 0, ijson.ObjectBuilder()
    for event, content in ijson.basic_parse(pieces, use_float=True):
        depth -= event in ("end_map", "end_array")
        if depth >= at:
            value.event(event, content)
        depth += event in ("start_map", "start_array")
        if depth > MAX_DEPTH:
            raise ijson.JSONError(f"nested more than {MAX_DEPTH} deep")
        if depth == at and event not in ("start_array", "start_map"):
            yield value.value
            value = ijson.ObjectBuilder()


def _without_mark(pieces: Iterator[bytes]) -> Iterator[bytes]:
    yield next(pieces, b"").removeprefix(BOM)
    yield from pieces


def _record(place: str, fields: object, source: SourceConfig, limits: ReadLimits) -> Record | Unreadable:
    if not isinstance(fields, dict):
        return Unreadable(place, f"not a JSON object but {type(fields).__name__}", str(fields)[:2000], 0)
    text = fields.get(source.text_field)
    size = len(text.encode(errors="replace")) if isinstance(text, str) else 0
    if size > limits.record_bytes:
        return Unreadable(place, too_large(size, limits.record_bytes), excerpt(str(text)[:2000].encode()), size)
    return Record(place, fields, size)


def _beginning(input: Input) -> bytes:
    """The first bytes without white space and byte order mark."""
    held = b""
    try:
        for piece in input.chunks():
            held = (held + piece).lstrip(b"\xef\xbb\xbf \t\r\n")
            if len(held) >= BEGINNING_BYTES:
                break
    except DamagedStream:
        pass  # What is read next will say so.
    return held[:BEGINNING_BYTES]


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False


def _is_one_object(input: Input, limits: ReadLimits) -> bool:
    content = read_whole(input, limits)
    return isinstance(content, bytes) and _is_object(content.removeprefix(BOM))
