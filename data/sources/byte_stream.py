"""The bytes of a file, decompressed by its suffix (.gz, .zst) in pieces of bounded size."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import zstandard

CHUNK_BYTES = 1 << 20
# zstd has no bound on its output a call, but a block of at least 4 bytes gives at most 128 KiB: 1 KiB in is 32 MiB out.
ZSTD_INPUT_BYTES = 1 << 10
ZSTD_WINDOW_BYTES = 1 << 27  # what the zstd tool accepts without --long


class DamagedStream(Exception):
    """The compressed stream is truncated or corrupt: what follows cannot be read."""


class Decompressor(Protocol):
    """What zlib and zstandard have in common."""

    eof: bool
    unused_data: bytes


def byte_stream(path: Path) -> Iterator[bytes]:
    """The decompressed bytes of `path`. Raises DamagedStream after the last bytes that can be read."""
    if path.suffix == ".gz":
        return _gunzip(path)
    if path.suffix == ".zst":
        return _unzstd(path)
    return _pieces(path, CHUNK_BYTES)


def _pieces(path: Path, size: int) -> Iterator[bytes]:
    with path.open("rb", buffering=CHUNK_BYTES) as file:
        while piece := file.read(size):
            yield piece


def _gunzip(path: Path) -> Iterator[bytes]:
    """Members one after another, as gzip -d reads them; zero bytes between and after members are padding."""
    member = zlib.decompressobj(wbits=31)
    started = False  # inside a member
    for piece in _pieces(path, 1 << 16):
        while piece:
            if not started:
                piece = piece.lstrip(b"\0")
                if not piece:
                    break
                member, started = zlib.decompressobj(wbits=31), True
            try:
                output = member.decompress(piece, CHUNK_BYTES)
            except zlib.error as error:
                raise DamagedStream(f"corrupt gzip: {error}") from None
            if output:
                yield output
            started = not member.eof
            piece = member.unused_data if member.eof else member.unconsumed_tail
    if started:
        raise DamagedStream("truncated gzip")


def _unzstd(path: Path) -> Iterator[bytes]:
    """Frames one after another, as zstd -d reads them."""
    context = zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW_BYTES)
    frame = context.decompressobj()
    started = False  # inside a frame
    for piece in _pieces(path, ZSTD_INPUT_BYTES):
        while piece:
            if not started:
                frame, started = context.decompressobj(), True
            try:
                output = frame.decompress(piece)
            except zstandard.ZstdError as error:
                raise DamagedStream(f"corrupt zstd: {error}") from None
            if output:
                yield output
            started = not frame.eof
            piece = frame.unused_data if frame.eof else b""
    if started:
        raise DamagedStream("truncated zstd")
