"""A `.json` file that is one array of records, or one record; others are JSON Lines by another name."""

import json
import re
from collections.abc import Iterator

import orjson

from data.sources.formats.lines import Line
from data.sources.formats.text import read_whole
from data.sources.record import EXCERPT_BYTES, DamagedStream, Unreadable, rest_unreadable
from data.sources.streams.byte_stream import compression_of
from data.sources.streams.input import Input, ReadLimits

BOM = b"\xef\xbb\xbf"
BEGINNING_BYTES = 1 << 16
# What tells where an item of an array ends: outside of strings these marks, and in a string all up to its end.
MARK = re.compile(rb'["\[\]{},]')
IN_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)


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


def read_items(input: Input, limits: ReadLimits) -> Iterator[Line | Unreadable]:
    """The items of the array in order, each as a line whose place is its number, or the one object; a later part has nothing.

    What is wrong inside an item is found by who reads it as JSON, so that the others are not lost.
    """
    if input.start:
        return
    if not _beginning(input).startswith(b"["):
        content = read_whole(input, limits)
        yield Line("0", content.removeprefix(BOM), len(content)) if isinstance(content, bytes) else content
        return
    most = max(limits.record_bytes, EXCERPT_BYTES)
    number, held, size = 0, bytearray(), 0
    try:
        for piece, ends in _pieces_of_items(input.chunks()):
            held += piece[: most - len(held)]
            size += len(piece)
            if ends:
                yield Line(str(number), bytes(held), size)
                number, held, size = number + 1, bytearray(), 0
    except DamagedStream as problem:
        yield rest_unreadable(str(number), problem)


def _pieces_of_items(pieces: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    """What stands between the brackets and commas of an array, piece by piece, and whether an item ends with it.

    Raises DamagedStream when the array does not end, or something follows it.
    """
    depth, quoted, rest = 0, False, b""
    for piece in pieces:
        data, begin, at = rest + piece, 0, 0
        while True:
            if quoted:
                at = _end_in_string(data, at)
                if data[at : at + 1] != b'"':
                    break
                at += 1
            mark = MARK.search(data, at)
            at = mark.end() if mark else len(data)
            if mark is None:
                quoted = False
                break
            quoted = mark[0] == b'"'
            depth += (mark[0] in b"[{") - (mark[0] in b"]}")
            if depth == 1 and mark[0] == b"[":
                begin = at
            elif depth == 0 or (depth == 1 and mark[0] == b","):
                yield data[begin : at - 1], True
                begin = at
            if depth == 0:
                if data[at:].strip() or any(map(bytes.strip, pieces)):
                    raise DamagedStream("something follows the array")
                return
        yield data[begin:at], False
        rest = data[at:]  # nothing, or the first half of an escape
    raise DamagedStream("the array does not end")


def _end_in_string(data: bytes, at: int) -> int:
    """Where the string that goes on at a place ends, or the data, or what of it is no half of an escape."""
    found = IN_STRING.match(data, at)
    assert found is not None  # The expression matches no characters, too.
    return found.end()


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


def _is_object(content: bytes) -> bool:
    try:
        return isinstance(orjson.loads(content), dict)
    except orjson.JSONDecodeError:
        pass
    try:
        return isinstance(json.loads(content), dict)  # It takes NaN and lone surrogates, which orjson refuses.
    except (ValueError, RecursionError):
        return False


def _is_one_object(input: Input, limits: ReadLimits) -> bool:
    content = read_whole(input, limits)
    return isinstance(content, bytes) and _is_object(content.removeprefix(BOM))
