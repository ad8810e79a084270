"""The lines of a file or of a part of one.

A line belongs to the part that holds the newline before it, the first line to the first part: so a reader passes over what
stands before the first newline of its part, and reads on past the end of the part until its last line is complete.
"""

from collections.abc import Iterator
from typing import NamedTuple

from data.sources.record import EXCERPT_BYTES, Unreadable, excerpt
from data.sources.streams.input import Input, ReadLimits
from data.sources.streams.placed_bytes import placed_bytes


class Line(NamedTuple):
    """A line without its newline. `content` is only its beginning when it has more bytes than a record may have."""

    place: str
    content: bytes
    bytes: int


def read_lines(input: Input, limits: ReadLimits) -> Iterator[Line | Unreadable]:
    """The lines of the part. Where the file is damaged, one unreadable record stands for all up to the next newline."""
    limit = limits.record_bytes
    kept = max(limit, EXCERPT_BYTES)
    passing = input.start > 0  # True while a line is skipped: one of the previous part, or the rest of a damaged one
    place, held, size = "", bytearray(), 0  # place, content and bytes of the line that is being read
    for piece in placed_bytes(input, limits.file_bytes):
        behind = input.stop is not None and piece.stored_at >= input.stop
        if behind and passing:
            return
        data, begin = piece.data, 0
        while (end := data.find(b"\n", begin)) >= 0:
            if passing:
                passing = False
            elif size:
                held += data[begin : min(end, begin + kept)]
                size += end - begin
                yield Line(place, bytes(held[:EXCERPT_BYTES] if size > limit else held), size)
                held.clear()
                size = 0
            else:
                yield Line(piece.place(begin), data[begin : min(end, begin + kept)], end - begin)
            if behind:
                return
            begin = end + 1
        if not passing and begin < len(data):
            place = place if size else piece.place(begin)
            size += len(data) - begin
            held += data[begin : begin + kept]
            if size > limit:
                del held[EXCERPT_BYTES:]
        if piece.damage:
            if not passing:
                yield Unreadable(place if size else piece.place(0), piece.damage, excerpt(bytes(held)), size)
            held.clear()
            size, passing = 0, True
    if size:
        yield Line(place, bytes(held), size)
