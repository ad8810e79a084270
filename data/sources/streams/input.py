"""What a reader is given: a named input that it can stream, or open at any place, and the limits that it keeps to."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from data.sources.streams.byte_stream import decompressed
from data.sources.streams.storage import open_file

FILE_BYTES = 1 << 37  # 128 GiB


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Bounds on what one record, one file and one archive may take."""

    record_bytes: int
    file_bytes: int = FILE_BYTES  # a compressed file or archive member may unpack to so much
    members: int = 1 << 20  # so many files of an archive are read


class Input(Protocol):
    """A file, or a part of one, or a member of an archive."""

    @property
    def name(self) -> str:
        """Path, URL or member name as it was given; its suffixes tell format and compression."""

    @property
    def start(self) -> int:
        """Where the part begins: a byte offset of the stored file, a row group or a record batch, as the format has it."""

    @property
    def stop(self) -> int | None:
        """Where the part ends; None: with the file."""

    def chunks(self) -> Iterator[bytes]:
        """The decompressed bytes of the whole input in pieces of bounded size.

        Raises DamagedStream, after the last good bytes, when it is truncated, corrupt or larger than a file may be.
        """

    def open(self) -> BinaryIO:
        """The stored bytes, not decompressed, of the whole input; seekable."""


@dataclass(frozen=True, slots=True)
class FileInput:
    """A file or a part of it, on a local disk or behind a URL."""

    name: str
    location: str  # absolute path or URL
    file_bytes: int = FILE_BYTES
    start: int = 0
    stop: int | None = None

    def chunks(self) -> Iterator[bytes]:
        """The decompressed bytes of the whole file."""
        with self.open() as file:
            yield from decompressed(file, self.name, self.file_bytes)

    def open(self) -> BinaryIO:
        """The stored bytes of the whole file."""
        return open_file(self.location)


@dataclass(frozen=True, slots=True)
class BytesInput:
    """An input that is held in memory."""

    name: str
    data: bytes
    file_bytes: int = FILE_BYTES
    start: int = 0
    stop: int | None = None

    def chunks(self) -> Iterator[bytes]:
        """The decompressed bytes."""
        return decompressed(self.open(), self.name, self.file_bytes)

    def open(self) -> BinaryIO:
        """The stored bytes."""
        return io.BytesIO(self.data)
