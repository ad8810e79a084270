"""Zstandard frames (RFC 8878), found by their headers, so that a damaged frame does not cost those that follow it."""

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import zstandard

from data.sources.record import DamagedStream

WINDOW_BYTES = 1 << 27  # The zstd tool accepts windows of this size without --long.
FRAME_MAGIC = 0xFD2FB528
SKIPPABLE_MAGIC = 0x184D2A50  # The 15 numbers that follow are magic numbers of skippable frames, too.
REPEATED_BYTE, RESERVED = 1, 3  # Types of a block.
CHECKSUM_FLAG = 4


class ZstdBlock(NamedTuple):
    """A block of a frame, or what stands before and after a frame's blocks."""

    frame: int  # where the frame begins in the file
    stored: bytes


def frame_offsets(file: BinaryIO) -> Iterator[int]:
    """Where the frames of `file` begin, without decompressing any. Raises DamagedStream as `decompressed_frames` does."""
    frame = -1
    for block in _blocks(file, keep=False):
        if block.frame != frame:
            frame = block.frame
            yield frame


def decompressed_frames(file: BinaryIO) -> Iterator[tuple[int, bytes | None]]:
    """The frames' bytes, each piece (at most a block: 128 KiB) with the offset of its frame; None ends a damaged frame.

    Raises DamagedStream where no further frame can be found, and at a frame with a larger window than WINDOW_BYTES.
    """
    context = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES)
    frame, decompressor = -1, None
    for block in _blocks(file, keep=True):
        if block.frame != frame:
            frame, decompressor = block.frame, context.decompressobj()
        if decompressor is None:
            continue  # the frame is damaged: its other blocks are passed over
        try:
            output = decompressor.decompress(block.stored)
        except zstandard.ZstdError:
            decompressor = None
            yield frame, None
        else:
            if output:
                yield frame, output


def _blocks(file: BinaryIO, keep: bool) -> Iterator[ZstdBlock]:
    """All blocks from where `file` stands, which is the beginning of a frame; without `keep` they are jumped over."""
    frame = file.tell()
    while magic := file.read(4):
        number = int.from_bytes(magic, "little")
        if SKIPPABLE_MAGIC <= number < SKIPPABLE_MAGIC + 16:
            _jump(file, int.from_bytes(_exactly(file, 4), "little"))
        elif number == FRAME_MAGIC:
            yield from _blocks_of_frame(file, frame, magic, keep)
        else:
            raise DamagedStream(
                f"corrupt zstd: no frame begins at byte {frame}" if len(magic) == 4 else "truncated zstd"
            )
        frame = file.tell()
    if not frame:  # a failed transfer leaves an empty file; after a frame the rest may be empty
        raise DamagedStream("truncated zstd")


def _blocks_of_frame(file: BinaryIO, frame: int, magic: bytes, keep: bool) -> Iterator[ZstdBlock]:
    descriptor = _exactly(file, 1)
    frame_header = magic + descriptor + _exactly(file, _header_bytes(descriptor[0]))
    _check_window(frame, frame_header)
    yield ZstdBlock(frame, frame_header)
    last = False
    while not last:
        header = _exactly(file, 3)
        number = int.from_bytes(header, "little")
        last, kind, size = bool(number & 1), number >> 1 & 3, number >> 3
        if kind == RESERVED:
            raise DamagedStream(f"corrupt zstd: a block of no known type in the frame at byte {frame}")
        stored = 1 if kind == REPEATED_BYTE else size
        content = _exactly(file, stored) if keep else _jump(file, stored)
        yield ZstdBlock(frame, header + content)
    if descriptor[0] & CHECKSUM_FLAG:
        yield ZstdBlock(frame, _exactly(file, 4))


def _check_window(frame: int, header: bytes) -> None:
    """Raise DamagedStream for a good frame that takes more memory than there may be: its decompressor calls it damaged."""
    try:
        window = zstandard.get_frame_parameters(header).window_size
    except zstandard.ZstdError:
        return  # the decompressor will report it
    if window > WINDOW_BYTES:
        raise DamagedStream(
            f"the frame at byte {frame} needs a window of {-(-window >> 20)} MB, more than the {WINDOW_BYTES >> 20} MB "
            "that are allowed: recompress it without --long"
        )


def _header_bytes(descriptor: int) -> int:
    """Bytes of a frame's header after the descriptor: window, dictionary id and content size (RFC 8878, 3.1.1.1)."""
    single_segment = descriptor >> 5 & 1
    size_flag = descriptor >> 6
    content_size = (single_segment, 2, 4, 8)[size_flag]
    return (1 - single_segment) + (0, 1, 2, 4)[descriptor & 3] + content_size


def _exactly(file: BinaryIO, size: int) -> bytes:
    found = file.read(size)
    if len(found) < size:
        raise DamagedStream("truncated zstd")
    return found


def _jump(file: BinaryIO, size: int) -> bytes:
    if size:
        file.seek(size - 1, 1)
        _exactly(file, 1)  # a jump past the end of the file would go unnoticed without this read
    return b""
