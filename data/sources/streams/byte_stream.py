"""The bytes of a file, decompressed by its suffix (.gz, .bz2, .xz, .zst) in pieces of bounded size."""

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

from data.sources.record import DamagedStream
from data.sources.streams.zstd import decompressed_frames

CHUNK_BYTES = 1 << 20
STORED_BYTES = 1 << 16  # So much of a compressed file is read at a time.
XZ_MEMORY_BYTES = 1 << 28  # xz -9 takes 65 MiB, while a header may ask for 4 GiB.

COMPRESSIONS = {".gz": "gzip", ".tgz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}


class Decompressor(Protocol):
    """The interface that bz2's and lzma's decompressors share, and to which zlib's is adapted below."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int) -> bytes: ...


def compression_of(name: str) -> str | None:
    """gzip, bzip2, xz or zstd by the suffix of `name`, None for a plain file."""
    return COMPRESSIONS.get(name[name.rfind(".") :].lower()) if "." in name else None


def decompressed(file: BinaryIO, name: str, limit: int) -> Iterator[bytes]:
    """The bytes of `file`, decompressed as its `name` says, from where it stands to its end.

    Raises DamagedStream after the last bytes that can be read, and for a compressed file after `limit` bytes: a few
    kilobytes can unpack to as many gigabytes. A plain file is as large as it is.
    """
    compression = compression_of(name)
    if compression is None:
        yield from pieces(file, CHUNK_BYTES)
        return
    left = limit
    for piece in _DECOMPRESS[compression](file):
        if len(piece) > left:
            yield piece[:left]
            raise DamagedStream(f"it unpacks to more than the {limit} bytes that max_file_gb allows")
        left -= len(piece)
        yield piece


def pieces(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The bytes of `file` in pieces of at most `size`."""
    while piece := file.read(size):
        yield piece


class _Gzip:
    """zlib's decompressor with the interface of bz2's."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._member.eof

    @property
    def needs_input(self) -> bool:
        return not self._member.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        return self._member.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._member.decompress(self._member.unconsumed_tail + data, max_length)


def _members(
    new: Callable[[], Decompressor], kind: str, error: type[Exception]
) -> Callable[[BinaryIO], Iterator[bytes]]:
    """Members one after another, as gzip -d and its kin read them; zero bytes between and after members are padding.

    At least one there must be: a file without any is what a failed transfer leaves.
    """

    def read(file: BinaryIO) -> Iterator[bytes]:
        member, begun = None, False
        for piece in pieces(file, STORED_BYTES):
            while piece or (member and not member.needs_input):
                if member is None:
                    piece = piece.lstrip(b"\0")
                    if not piece:
                        break
                    member, begun = new(), True
                try:
                    output = member.decompress(piece, CHUNK_BYTES)
                except error as problem:
                    raise DamagedStream(f"corrupt {kind}: {problem}") from None
                if output:
                    yield output
                piece = b""
                if member.eof:
                    piece, member = member.unused_data, None
        if member is not None or not begun:
            raise DamagedStream(f"truncated {kind}")

    return read


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    for frame, piece in decompressed_frames(file):
        if piece is None:
            raise DamagedStream(f"corrupt zstd: the frame at byte {frame}")
        yield piece


_DECOMPRESS: dict[str, Callable[[BinaryIO], Iterator[bytes]]] = {
    "gzip": _members(_Gzip, "gzip", zlib.error),
    "bzip2": _members(bz2.BZ2Decompressor, "bzip2", OSError),
    "xz": _members(lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, XZ_MEMORY_BYTES), "xz", lzma.LZMAError),
    "zstd": _unzstd,
}
