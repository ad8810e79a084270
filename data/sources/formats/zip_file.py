"""Zip files that may be hostile: bounded in members, memory and what a member gives; damage as DamagedStream."""

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from data.sources.record import DamagedStream, first_line
from data.sources.streams.byte_stream import CHUNK_BYTES

# The directory's end, with and without the longest comment, and the locator and record of zip64 before it
# (https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, 4.3.14 to 4.3.16).
END, END_BYTES, COMMENT_BYTES = b"PK\5\6", 22, (1 << 16) - 1
LOCATOR, LOCATOR_BYTES, END64_BYTES = b"PK\6\7", 20, 56
MEMBER_BYTES = 256  # A member may take so much of the directory, on average: the directory is read as a whole.
SMALL_CHUNK_BYTES = (
    1 << 12
)  # zipfile does not bound what a chunk of bzip2 or LZMA unpacks to, so these are read in small chunks.
DAMAGE = (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OverflowError, struct.error)
DECOMPRESSION = (zlib.error, lzma.LZMAError)


@contextmanager
def open_zip(file: BinaryIO, members: int) -> Iterator[zipfile.ZipFile]:
    """The zip file. Raises DamagedStream when it is none, or has more than so many members."""
    with _damage():
        if _directory_bytes(file) > members * MEMBER_BYTES:
            raise DamagedStream(f"the archive has more than the {members} members that max_members allows")
        archive = zipfile.ZipFile(file)
        if len(archive.infolist()) > members:
            raise DamagedStream(f"the archive has more than the {members} members that max_members allows")
    with archive:
        yield archive


def read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    """The member's bytes in pieces of bounded size, `member.file_size` of them. Raises DamagedStream."""
    if member.flag_bits & 1:
        raise DamagedStream("the member is encrypted")
    bounded = member.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    with _damage(), archive.open(member) as stream:
        while piece := stream.read(CHUNK_BYTES if bounded else SMALL_CHUNK_BYTES):
            yield piece
        if stream.tell() != member.file_size:
            raise DamagedStream("the member is truncated")


@contextmanager
def _damage() -> Iterator[None]:
    """Turns what zipfile raises for damaged archives into DamagedStream."""
    try:
        yield
    except (*DAMAGE, *DECOMPRESSION) as problem:
        raise DamagedStream(f"damaged zip: {first_line(problem)}") from None
    except OSError as problem:
        if problem.errno is not None:  # the error is the file system's, no damage
            raise
        raise DamagedStream(f"damaged zip: {first_line(problem)}") from None


def _directory_bytes(file: BinaryIO) -> int:
    """What the end of the file says about the directory's size, found as zipfile finds it."""
    size = file.seek(0, 2)
    file.seek(max(0, size - END_BYTES - COMMENT_BYTES - LOCATOR_BYTES - END64_BYTES))
    tail = file.read()
    end = len(tail) - END_BYTES
    if not (tail[end : end + 4] == END and tail.endswith(b"\0\0")):
        end = tail.rfind(END)
    if end < 0 or end + END_BYTES > len(tail):
        return 0  # this is no zip file, and zipfile will say so
    locator = end - LOCATOR_BYTES
    if locator >= END64_BYTES and tail[locator : locator + 4] == LOCATOR:
        return int(struct.unpack_from("<Q", tail, locator - END64_BYTES + 40)[0])
    return int(struct.unpack_from("<I", tail, end + 12)[0])
