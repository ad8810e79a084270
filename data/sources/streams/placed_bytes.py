"""A file's decompressed bytes with the places that they have in it, whatever part of the file is read.

Places in bzip2 and zstd are those of a block or frame with the offset in it, because what stands before it need not be
known: "<bit at which the block begins>+<byte>", "<byte at which the frame begins>+<byte>". Elsewhere a place is the offset in
the decompressed file.
"""

from collections.abc import Iterator
from typing import NamedTuple

from data.sources.record import DamagedStream
from data.sources.streams import bzip2, zstd
from data.sources.streams.byte_stream import CHUNK_BYTES, compression_of
from data.sources.streams.input import Input


class PlacedBytes(NamedTuple):
    """Bytes that follow one another in the decompressed file, or (with `damage`) what cannot be read in their place."""

    stored_at: int  # byte of the stored file to which they belong; parts are cut by it
    unit: str  # the places of these bytes begin with it
    offset: int  # offset of the first byte in the unit
    data: bytes
    damage: str = ""

    def place(self, index: int) -> str:
        """The place of the byte `data[index]`."""
        return f"{self.unit}{self.offset + index}"


def placed_bytes(input: Input, limit: int) -> Iterator[PlacedBytes]:
    """The pieces from the part's start to the file's end: a record that begins in a part may end after it.

    No piece lies on both sides of the part's end. Of a compressed file at most `limit` bytes are read.
    """
    compression = compression_of(input.name)
    if compression is None:
        yield from _plain(input)
        return
    left = limit
    for piece in {"bzip2": _bzip2, "zstd": _zstd}.get(compression, _whole)(input):
        yield piece
        left -= len(piece.data)
        if left < 0:
            problem = f"it unpacks to more than the {limit} bytes that max_file_gb allows"
            yield _damage(piece.stored_at, piece.unit, piece.offset + len(piece.data), problem)
            return


def _plain(input: Input) -> Iterator[PlacedBytes]:
    offset = input.start
    with input.open() as file:
        if offset:
            file.seek(offset)
        try:
            while data := file.read(
                min(CHUNK_BYTES, input.stop - offset) if input.stop and offset < input.stop else CHUNK_BYTES
            ):
                yield PlacedBytes(offset, "", offset, data)
                offset += len(data)
        except DamagedStream as problem:  # of a file that is decompressed and decoded on the way
            yield _damage(offset, "", offset, str(problem))


def _whole(input: Input) -> Iterator[PlacedBytes]:
    offset = 0
    try:
        for data in input.chunks():
            yield PlacedBytes(0, "", offset, data)
            offset += len(data)
    except DamagedStream as problem:
        yield _damage(0, "", offset, str(problem))


def _bzip2(input: Input) -> Iterator[PlacedBytes]:
    bit = 8 * input.start
    with input.open() as file:
        try:
            for bit, data in bzip2.decompressed_blocks(file, input.start):
                damage = f"from here to the next whole line: corrupt bzip2 block at bit {bit}" if data is None else ""
                yield PlacedBytes(bit // 8, f"{bit}+", 0, data or b"", damage)
        except DamagedStream as problem:
            yield _damage(bit // 8 + 1, f"{bit}+", 0, str(problem))


def _zstd(input: Input) -> Iterator[PlacedBytes]:
    frame, offset = input.start, 0
    with input.open() as file:
        file.seek(input.start)
        try:
            for begin, data in zstd.decompressed_frames(file):
                frame, offset = begin, offset if begin == frame else 0
                damage = f"from here to the next whole line: corrupt zstd frame at byte {frame}" if data is None else ""
                yield PlacedBytes(frame, f"{frame}+", offset, data or b"", damage)
                offset += len(data or b"")
        except DamagedStream as problem:
            yield _damage(frame, f"{frame}+", offset, str(problem))


def _damage(stored_at: int, unit: str, offset: int, problem: str) -> PlacedBytes:
    return PlacedBytes(stored_at, unit, offset, b"", f"the rest of the file cannot be read: {problem}")
