"""Text that is not UTF-8: its encoding is told by the recipe, by a byte order mark, or by how its characters are distributed."""

import codecs
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from data.sources.config import AUTO, SourceConfig
from data.sources.record import DamagedStream
from data.sources.streams.byte_stream import compression_of
from data.sources.streams.input import Input

UTF8 = "utf-8"
BROKEN_LINES = 3  # Fewer lines that are not UTF-8 are broken ones.
WESTERN = "cp1252"  # what a text in Latin letters with a few others is taken for, as browsers do
FEW_BYTES = 16  # Fewer that are not ASCII are too few to tell an encoding by.
SAMPLE_BYTES = 1 << 16  # An encoding is told by so much of a text.
BOMS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


# The mark of what cannot be decoded: encoded again, it is a byte that UTF-8 does not have.
UNREADABLE = "gristmill.unreadable"
codecs.register_error(UNREADABLE, lambda error: ("\udcff", error.end))  # type: ignore[attr-defined]


def decode(content: bytes, encoding: str) -> tuple[str, str]:
    """A text and the encoding that it was in, by its Python name; with `auto` it is UTF-8 or what `detect` finds.

    Raises UnicodeDecodeError when it cannot be decoded.
    """
    if encoding != AUTO:
        return content.decode(encoding).removeprefix("\ufeff"), codecs.lookup(encoding).name
    if found := _marked(content):
        return content.decode(found), found
    try:
        return content.decode("utf-8-sig"), UTF8
    except UnicodeDecodeError as problem:
        found = detect(content)
        try:
            return content.decode(found or UTF8), found or UTF8
        except UnicodeDecodeError:
            raise problem from None


def detect(content: bytes) -> str | None:
    """The likeliest encoding of a text that is not UTF-8, by its Python name.

    None where nothing is likely, and for a text that is UTF-8 but for some bytes.
    """
    from charset_normalizer import from_bytes  # late: most sources never need it

    parts = [content[place : place + SAMPLE_BYTES] for place in range(0, len(content), SAMPLE_BYTES)]
    sample = next((part for part in parts if not part.isascii()), b"")
    if _is_nearly_utf8(sample):
        return None
    strange = sum(byte > 127 for byte in sample)
    if strange < FEW_BYTES and 4 * strange < len(sample):
        return WESTERN
    found = from_bytes(sample).best()
    return codecs.lookup(found.encoding).name if found else None


def as_utf8(input: Input, source: SourceConfig) -> tuple[Input, str]:
    """An input of lines as UTF-8, and the encoding that it was in.

    One in another encoding is read as a whole by the task of its first part, and those of the others find nothing.
    """
    encoding = source.encoding
    if encoding == AUTO:
        encoding = _told_by_beginning(_beginning(input))
    if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig"):
        return input, UTF8
    return Transcoded(input, encoding), codecs.lookup(encoding).name


def _marked(content: bytes) -> str | None:
    """The encoding that a byte order mark tells; None for UTF-8 and where there is no mark."""
    return next((encoding for mark, encoding in BOMS.items() if content.startswith(mark)), None)


def _beginning(input: Input) -> bytes:
    held = b""
    try:
        for piece in input.chunks():
            held += piece[: SAMPLE_BYTES - len(held)]
            if len(held) >= SAMPLE_BYTES:
                break
    except DamagedStream:
        pass  # Its reader will say so.
    return held


def _told_by_beginning(content: bytes) -> str:
    """The encoding of a file of lines. One of which a few lines are broken is UTF-8."""
    if found := _marked(content):
        return found
    broken = [line for line in content.split(b"\n")[:-1] if not _is_utf8(line)]
    if len(broken) < BROKEN_LINES:
        return UTF8
    return detect(content[: content.rfind(b"\n") + 1]) or UTF8


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_nearly_utf8(content: bytes) -> bool:
    """Whether more of what is not ASCII can be read as UTF-8 than cannot."""
    text = content.decode(errors="replace")
    broken = text.count("\ufffd")
    return sum(not character.isascii() for character in text) > 2 * broken


@dataclass(frozen=True)
class Transcoded:
    """An input as UTF-8. What cannot be decoded becomes a byte that UTF-8 does not have, so that its line is unreadable."""

    source: Input
    encoding: str
    start: int = 0
    stop: int | None = None

    @property
    def name(self) -> str:
        """The name without the suffix of a compression, because these bytes are not compressed."""
        name = self.source.name
        return name[: name.rfind(".")] if compression_of(name) else name

    def chunks(self) -> Iterator[bytes]:
        """The bytes of the whole input in UTF-8; raises DamagedStream as the input does, and for other encodings."""
        if self.source.start:
            return
        try:
            yield from self._chunks(codecs.getincrementaldecoder(self.encoding)(UNREADABLE))
        except UnicodeError as problem:
            raise DamagedStream(f"{self.encoding}: {problem}") from problem

    def _chunks(self, decoder: codecs.IncrementalDecoder) -> Iterator[bytes]:
        first = True
        for piece in self.source.chunks():
            text = decoder.decode(piece)
            yield (text.removeprefix("\ufeff") if first else text).encode("utf-8", "surrogateescape")
            first = False
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogateescape")

    def open(self) -> BinaryIO:
        """The bytes in UTF-8, from the first to the last; reading raises DamagedStream as the input does."""
        return io.BufferedReader(Stream(self.chunks()))


class Stream(io.RawIOBase):
    """Pieces of bytes as a file."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._held = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._held and (piece := next(self._pieces, None)) is not None:
            self._held = piece
        size = min(len(buffer), len(self._held))
        buffer[:size], self._held = self._held[:size], self._held[size:]
        return size
