"""Gzip by its members, so that a damaged one does not cost those that follow it: a WARC file has one a record."""

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from data.sources.streams.byte_stream import CHUNK_BYTES, STORED_BYTES
from data.sources.streams.placed_bytes import PlacedBytes

MAGIC = b"\x1f\x8b\x08"
HEAD_BYTES = 1 << 10  # The beginning of a member must show within so many compressed bytes.
# After damage the search for a member starts again where the damaged one began. At most these many times the bytes read so
# far are read again, as otherwise the work could grow with the square of the file's size.
MOST_READ_AGAIN = 16


def gzip_members(file: BinaryIO, beginning: bytes, limit: int) -> Iterator[PlacedBytes]:
    """The bytes of the members; places are "<byte at which the member begins>+<byte in it>".

    After damage the reading goes on with the next member whose bytes start with `beginning`. In all at most `limit` bytes
    are read.
    """
    begin, stored = 0, b""  # where the next member begins, and the bytes from there on as far as they have been read
    read_again = 0
    while stored or (stored := file.read(STORED_BYTES)):
        padding = len(stored) - len(stored.lstrip(b"\0"))
        begin, stored = begin + padding, stored[padding:]
        if not stored:
            continue
        offset, problem = 0, ""
        member = zlib.decompressobj(wbits=31)
        while not member.eof and not problem:
            stored = stored or file.read(STORED_BYTES)
            try:
                data = member.decompress(stored, CHUNK_BYTES)
            except zlib.error as error:
                data, problem = b"", f"corrupt gzip member: {error}"
            else:
                problem = "" if stored else "truncated gzip member"
                stored = member.unused_data if member.eof else member.unconsumed_tail
            limit -= len(data)
            if limit < 0:
                problem = "the rest of the file cannot be read: it unpacks to more than max_file_gb allows"
            yield PlacedBytes(begin, f"{begin}+", offset, data if limit >= 0 else b"", problem)
            offset += len(data)
            if limit < 0:
                return
        reached = file.tell() - len(stored)
        if problem:
            read_again += reached - begin
            if read_again > MOST_READ_AGAIN * reached:
                yield PlacedBytes(
                    reached, f"{reached}+", 0, b"", "the rest of the file cannot be read: too much of it is damaged"
                )
                return
            reached, stored = _next_member(file, begin + 1, beginning), b""
            file.seek(reached)
        begin = reached


def _next_member(file: BinaryIO, start: int, beginning: bytes) -> int:
    """Where the first member from byte `start` on begins that gives `beginning`; the file's end when there is none."""
    file.seek(start)
    window = b""
    while piece := file.read(STORED_BYTES):
        window += piece
        found = window.find(MAGIC)
        while found >= 0 and (found + HEAD_BYTES <= len(window) or len(piece) < STORED_BYTES):
            try:
                if (
                    zlib.decompressobj(wbits=31).decompress(window[found : found + HEAD_BYTES], len(beginning))
                    == beginning
                ):
                    return start + found
            except zlib.error:
                pass
            found = window.find(MAGIC, found + 1)
        keep = found if found >= 0 else max(0, len(window) - len(MAGIC) + 1)
        start, window = start + keep, window[keep:]
    return start + len(window)
