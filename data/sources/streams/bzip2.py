"""Bzip2 by its blocks, each of which can be decompressed alone: found by their 48-bit marks, at any bit of the file."""

import bz2
from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import BinaryIO, NamedTuple

from data.sources.record import DamagedStream

BLOCK_MARK = 0x314159265359  # the digits of pi
END_MARK = 0x177245385090  # of a stream, before its checksum: the digits of the square root of pi
MARK_BITS, CHECKSUM_BITS = 48, 32
FIRST_BIT = 32  # The first block begins after the header of 4 bytes.
MARK_BYTES = 7  # A mark touches at most so many bytes.
READ_BYTES = 1 << 18
WINDOW_BYTES = 1 << 26  # The search ends after so many bytes without a mark; a block has at most 3 MiB.
LOOKAHEAD = 3  # So many marks are known in advance.


class Mark(NamedTuple):
    """Where a block begins, or a stream ends."""

    bit: int  # offset in the file, in bits
    is_end: bool


class Bzip2Block(NamedTuple):
    """A decompressed block, or (without data) what cannot be decompressed."""

    bit: int  # where its mark begins in the file
    data: bytes | None


class Window:
    """The bytes of a file from `start` on, as far as they have been read and not been let go of."""

    def __init__(self, file: BinaryIO, start: int):
        file.seek(start)
        self.file, self.start, self.data = file, start, bytearray()

    @property
    def end(self) -> int:
        """Where what has been read ends in the file."""
        return self.start + len(self.data)

    def extend(self) -> bool:
        """Read on; False at the end of the file."""
        if len(self.data) > WINDOW_BYTES:
            raise DamagedStream(f"corrupt bzip2: no block in {WINDOW_BYTES} bytes from byte {self.start} on")
        piece = self.file.read(READ_BYTES)
        self.data += piece
        return bool(piece)

    def forget(self, before: int) -> None:
        """Let go of what stands before the byte `before` of the file."""
        del self.data[: before - self.start]
        self.start = before

    def bits(self, begin: int, end: int) -> int:
        """The bits of the file from `begin` to `end`, as one number."""
        content = self.data[begin // 8 - self.start : (end + 7) // 8 - self.start]
        return int.from_bytes(content, "big") >> (-end % 8) & ((1 << (end - begin)) - 1)


def decompressed_blocks(file: BinaryIO, start: int = 0) -> Iterator[Bzip2Block]:
    """The blocks whose marks begin at byte `start` of `file` or later.

    Raises DamagedStream where the file is no bzip2, or ends within a stream.
    """
    if start == 0 and not _is_header(header := file.read(4)):
        raise DamagedStream("truncated bzip2" if len(header) < 4 else "corrupt bzip2: it does not begin as one")
    window = Window(file, start)
    marks = find_marks(window)
    first = list(islice(marks, 1))
    if start == 0 and not first:
        raise DamagedStream("truncated bzip2")
    if start == 0 and first[0].bit != FIRST_BIT:
        yield Bzip2Block(FIRST_BIT, None)
    yield from blocks_between(window, chain(first, marks))


def blocks_between(window: Window, marks: Iterator[Mark]) -> Iterator[Bzip2Block]:
    """The blocks that begin at `marks`. What looks like a mark may stand in a block by chance: then the block goes on."""
    ahead: list[Mark] = []
    while True:
        ahead += islice(marks, LOOKAHEAD - len(ahead))
        if not ahead:
            return
        mark, *following = ahead
        window.forget(mark.bit // 8)
        used = 1
        if mark.is_end:
            if not _ends_well(window, mark, following):
                yield Bzip2Block(mark.bit, None)
        elif not following:
            raise DamagedStream("truncated bzip2")
        else:
            attempts = (_decompress(window, mark.bit, end.bit) for end in following)
            used, data = next(((n, data) for n, data in enumerate(attempts, 1) if data is not None), (1, None))
            yield Bzip2Block(mark.bit, data)
        del ahead[:used]


def _ends_well(window: Window, mark: Mark, following: list[Mark]) -> bool:
    """Whether another stream, or nothing, follows a stream's end and padding."""
    end = (mark.bit + MARK_BITS + CHECKSUM_BITS + 7) // 8
    last, bit = divmod(following[0].bit, 8) if following else (window.end, 0)
    behind = window.data[end - window.start : last - window.start].lstrip(b"\0")
    return bit == 0 and _is_header(behind) if following else not behind


def _decompress(window: Window, begin: int, end: int) -> bytes | None:
    """The block between two bits of the file, as the only one of a stream of its own; None when it is damaged."""
    length = end - begin
    block = window.bits(begin, end)
    # The stream has this one block, so the block's checksum is also that of the stream.
    checksum = block >> max(0, length - MARK_BITS - CHECKSUM_BITS) & ((1 << CHECKSUM_BITS) - 1)
    bits = ((block << MARK_BITS | END_MARK) << CHECKSUM_BITS) | checksum
    length += MARK_BITS + CHECKSUM_BITS
    padding = -length % 8
    stream = b"BZh9" + (bits << padding).to_bytes((length + padding) // 8, "big")
    decompressor = bz2.BZ2Decompressor()
    try:
        data = decompressor.decompress(stream)
    except OSError:
        return None
    return data if decompressor.eof else None


def find_marks(window: Window) -> Iterator[Mark]:
    """The marks from the window's start to the file's end; the window grows as the search goes on."""
    searched = window.start
    more = True
    while more:
        more = window.extend()
        until = max(searched, window.end - MARK_BYTES + 1) if more else window.end
        found = [
            Mark(bit, kind == END_MARK)
            for kind in (BLOCK_MARK, END_MARK)
            for bit in _find(window, kind, searched, until)
        ]
        searched = until
        yield from sorted(found)


def _find(window: Window, mark: int, begin: int, end: int) -> Iterable[int]:
    """The bits of the file at which `mark` begins in the bytes from `begin` to `end`."""
    for shift in range(8):
        # The bytes that the mark fills when it begins at this bit of a byte; the first and last ones it fills in part.
        first = 0 if shift == 0 else 1
        filled = (mark << (8 - shift)).to_bytes(MARK_BYTES, "big")[first : MARK_BYTES - 1]
        found = window.data.find(filled, begin + first - window.start)
        while 0 <= found - first < end - window.start:
            bit = 8 * (window.start + found - first) + shift
            if window.bits(bit, bit + MARK_BITS) == mark:
                yield bit
            found = window.data.find(filled, found + 1)


def _is_header(found: bytes | bytearray) -> bool:
    return len(found) == FIRST_BIT // 8 and found[:3] == b"BZh" and b"1" <= found[3:] <= b"9"
