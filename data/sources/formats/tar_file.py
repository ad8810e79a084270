"""Tar files that may be hostile, read once from front to back: headers of bounded size, what is no member counted."""

import re
import tarfile
from collections.abc import Iterator
from typing import NamedTuple

from data.sources.record import DamagedStream

BLOCK_BYTES = tarfile.BLOCKSIZE
EXTENSION_BYTES = 1 << 20  # An extension before a member's header, for a long name and the like, may have so many.
LONG_NAMES = {tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK}
EXTENDED = {tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.XGLTYPE}
FILES = {tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE}
WITHOUT_CONTENT = {
    tarfile.LNKTYPE,
    tarfile.SYMTYPE,
    tarfile.DIRTYPE,
    tarfile.FIFOTYPE,
    tarfile.CHRTYPE,
    tarfile.BLKTYPE,
}
NAME_BYTES = 1 << 16
SIZE = re.compile("[0-9]{1,19}")
SPARSE = "GNU.sparse"  # The keys of a file with holes begin with it.
EXTENDED_RECORD = re.compile(rb"([0-9]{1,7}) ([^=]*)=")  # A record of a pax extension begins with its length and key.


class TarMember(NamedTuple):
    """A member; `content` is to be taken before the next member is asked for, and raises DamagedStream."""

    name: str  # has surrogate escapes where it is not UTF-8
    type: bytes
    size: int  # bytes
    content: Iterator[bytes]


class Lost(NamedTuple):
    """Bytes that belong to no member."""

    offset: int
    size: int  # bytes


def tar_members(chunks: Iterator[bytes]) -> Iterator[TarMember | Lost]:
    """The members of a tar stream (ustar, GNU and pax) and of what stands where a header should; also after the end mark.

    Raises DamagedStream where the stream is damaged or ends without an end mark.
    """
    stream = _Stream(chunks)
    lost = 0
    ended = False
    extended: dict[str, str] = {}  # what extensions say of the next member
    while block := stream.take(BLOCK_BYTES):
        header = _header(block)
        ended = not block.strip(b"\0")
        if header is None:
            lost += len(block) if lost or block.strip(b"\0") else 0
            continue
        if lost:
            yield Lost(stream.offset - len(block) - lost, lost)
            lost = 0
        if header.type in LONG_NAMES | EXTENDED:
            extended |= _extension(header, stream.take_all(header.size, EXTENSION_BYTES))
            continue
        size = int(extended["size"]) if SIZE.fullmatch(extended.get("size", "")) else header.size
        content = iter(()) if header.type in WITHOUT_CONTENT else stream.content(size)
        kind = tarfile.GNUTYPE_SPARSE if SPARSE in extended else header.type
        yield TarMember(extended.get("path", header.name), kind, size, content)
        extended = {}
        for _ in content:
            pass
    if lost:
        yield Lost(stream.offset - lost, lost)
    if not ended and stream.offset:
        raise DamagedStream("truncated tar: it has no end mark")


class _Stream:
    """The bytes of the file."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self.chunks = chunks
        self.held = memoryview(b"")
        self.offset = 0  # offset of the next byte

    def some(self, size: int) -> bytes:
        """The next bytes, `size` at most; none at the end."""
        if not self.held:
            self.held = memoryview(next(self.chunks, b""))
        found, self.held = bytes(self.held[:size]), self.held[size:]
        self.offset += len(found)
        return found

    def take(self, size: int) -> bytes:
        """The next `size` bytes, fewer only at the end."""
        found = self.some(size)
        while len(found) < size and (piece := self.some(size - len(found))):
            found += piece
        return found

    def content(self, size: int) -> Iterator[bytes]:
        """The next `size` bytes, and (not given) those to a whole block."""
        left = size
        while left and (piece := self.some(left)):
            left -= len(piece)
            yield piece
        if left:
            raise DamagedStream(f"truncated tar: the last member lacks {left} of {size} bytes")
        self.take(-size % BLOCK_BYTES)

    def take_all(self, size: int, limit: int) -> bytes:
        """The next `size` bytes at once."""
        if size > limit:
            raise DamagedStream(f"corrupt tar: a header of {size} bytes")
        return b"".join(self.content(size))


def _header(block: bytes) -> tarfile.TarInfo | None:
    try:
        header = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except (tarfile.HeaderError, ValueError, OverflowError):
        return None
    return header if header.size >= 0 else None


def _extension(header: tarfile.TarInfo, content: bytes) -> dict[str, str]:
    """What an extension says of the path and the size of the member that follows, and whether it has holes.

    Nothing where it is damaged. Raises DamagedStream for a name that is too long.
    """
    if header.type == tarfile.GNUTYPE_LONGNAME:
        return {"path": _name(content.partition(b"\0")[0])}
    found: dict[str, str] = {}
    position = 0
    while header.type in EXTENDED - {tarfile.XGLTYPE} and (record := EXTENDED_RECORD.match(content, position)):
        end = position + int(record[1])
        if not record.end() < end <= len(content):
            break
        key, value = record[2].decode("utf-8", "replace"), content[record.end() : end - 1]
        if key.startswith(SPARSE):
            found[SPARSE] = ""
        elif key in {"path", "size"}:
            found[key] = _name(value)
        position = end
    return found


def _name(content: bytes) -> str:
    if len(content) > NAME_BYTES:
        raise DamagedStream(f"corrupt tar: a name of {len(content)} bytes")
    return content.decode("utf-8", "surrogateescape")
