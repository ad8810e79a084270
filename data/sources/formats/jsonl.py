"""JSON Lines, plain or compressed: one JSON object a line. A `.json` file may be an array of objects, or one of them."""

import json
import re
from collections.abc import Iterator

import orjson

from data.sources.config import SourceConfig
from data.sources.encodings import UTF8, as_utf8
from data.sources.formats.json_file import is_one_value, read_items
from data.sources.formats.lines import Line, read_lines
from data.sources.record import Record, Unreadable, excerpt, too_large
from data.sources.streams.input import Input, ReadLimits

BOM = b"\xef\xbb\xbf"
LONG_NUMBER = re.compile(rb"[0-9]{19}")


def read_jsonl(input: Input, source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    """The records of the part; `place` is that of the line. Lines of over `record_bytes` are never held whole."""
    input, encoding = as_utf8(input, source)
    lines = read_items(input, limits) if is_one_value(input, limits) else read_lines(input, limits)
    for record in _records(lines, source, limits):
        yield record._replace(encoding=encoding) if isinstance(record, Record) and encoding != UTF8 else record


def _records(
    lines: Iterator[Line | Unreadable], source: SourceConfig, limits: ReadLimits
) -> Iterator[Record | Unreadable]:
    exact = bool(source.meta_fields or source.id_field)
    for line in lines:
        if isinstance(line, Unreadable):
            yield line
        elif line.bytes > limits.record_bytes:
            yield Unreadable(line.place, too_large(line.bytes, limits.record_bytes), excerpt(line.content), line.bytes)
        elif line.content and not line.content.isspace():  # blank lines are no records
            yield _parse(line, exact)


def _parse(line: Line, exact: bool) -> Record | Unreadable:
    try:
        fields = orjson.loads(line.content)
    except orjson.JSONDecodeError:
        return _parse_as_python(line)
    if not isinstance(fields, dict):
        return _unreadable(line, f"not a JSON object but {type(fields).__name__}")
    # orjson reads an integer of more than 64 bits as a float.
    if exact and LONG_NUMBER.search(line.content):
        return _parse_as_python(line)
    return Record(line.place, fields, line.bytes)


def _parse_as_python(line: Line) -> Record | Unreadable:
    """What json makes of a line that orjson refuses: NaN, lone surrogates, a byte order mark (also of a file in the middle
    of several that were joined)."""
    content = line.content.removeprefix(BOM)
    try:
        fields = json.loads(content.decode())
    except UnicodeDecodeError as problem:
        return _unreadable(line, f"invalid UTF-8: {problem.reason} at byte {problem.start} of the line")
    except ValueError as problem:
        return _unreadable(line, f"invalid JSON: {problem}")
    except RecursionError:
        return _unreadable(line, "invalid JSON: nested too deeply")
    if not isinstance(fields, dict):
        return _unreadable(line, f"not a JSON object but {type(fields).__name__}")
    return Record(line.place, fields, line.bytes)


def _unreadable(line: Line, error: str) -> Unreadable:
    return Unreadable(line.place, error, excerpt(line.content), line.bytes)
