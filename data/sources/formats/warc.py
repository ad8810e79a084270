"""WARC and WET (ISO 28500), plain or compressed: one document a page, HTML as its main content or text as it is."""

import io
import re
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Literal, NamedTuple

from fastwarc.warc import ArchiveIterator, WarcRecord

from data.extraction.html import extract, to_utf8
from data.sources.config import SourceConfig
from data.sources.formats.gzip_members import gzip_members
from data.sources.record import (
    EXCERPT_BYTES,
    NOTHING,
    DamagedStream,
    Record,
    Unreadable,
    excerpt,
    first_line,
    too_large,
)
from data.sources.streams.byte_stream import compression_of, decompressed
from data.sources.streams.input import FILE_BYTES, Input, ReadLimits
from data.sources.streams.placed_bytes import PlacedBytes, placed_bytes

BEGINNING = b"WARC/"
VERSION = re.compile(rb"WARC/1\.[01]\r?\n")  # A record begins with it.
MARK_BYTES = 16  # A mark has at most so many, with a byte before it.
BLANK_LINE = b"\r\n\r\n"  # It follows each record.
BLANK = re.compile(rb"[\r\n]+")
CONTENT_LENGTH = re.compile(rb"^Content-Length:[ \t]*([0-9]{1,18})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
END_OF_HEADERS = re.compile(rb"\r?\n\r?\n")
BARE_NEWLINE = re.compile(rb"(?<!\r)\n")
HEADER_BYTES = (
    1 << 15
)  # Headers of a record, and of the HTTP response in it, may have so many; fastwarc has the same limit.
PAYLOAD_BYTES = 1 << 16  # So much is read at a time, because fastwarc sets that much memory aside.
NO_DOCUMENTS = {"warcinfo", "request", "metadata", "revisit"}  # Records of these types are about other records.
HTML = {"text/html", "application/xhtml+xml"}
CHARSET = re.compile(r""";\s*charset\s*=[\s"']*([^\s"';,]+)""", re.IGNORECASE)
GZIP = {"gzip", "x-gzip"}
ZLIB = GZIP | {"deflate"}  # With these content encodings fastwarc takes even a beginning for the whole.
REASON_CHARACTERS = 200
MOST_ENCODINGS = 4  # A page may be encoded so many times.


class RawRecord(NamedTuple):
    """A record with its headers."""

    place: str
    content: bytes


def read_warc(input: Input, source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    """The pages of a WARC file and the texts of a WET file.

    `place` is the byte of the stored file at which the record begins; with "+" and the byte in it, where that is the
    member, block or frame of a compression. Responses that are no pages (another status than 200, other types than HTML
    and plain text) are unreadable, for their reason; records about others (requests, metadata) are passed over.
    """
    count = 0
    for raw in _raw_records(_Window(_pieces(input, limits)), limits.record_bytes):
        found = raw if isinstance(raw, Unreadable) else _document(raw, source, limits.record_bytes)
        count += 1
        if found is not None:
            yield found
    if not count:
        yield Unreadable("0", "the file is empty", "", 0)


def _pieces(input: Input, limits: ReadLimits) -> Iterator[PlacedBytes]:
    if compression_of(input.name) != "gzip":
        yield from placed_bytes(input, limits.file_bytes)
        return
    with input.open() as file:
        yield from gzip_members(file, BEGINNING, limits.file_bytes)


class _Window:
    """The bytes that have been read and not been let go of, and where they stand in the file."""

    def __init__(self, found: Iterator[PlacedBytes]) -> None:
        self.pieces = found
        self.data = bytearray()
        self.passed = 0  # bytes before `data`
        self.origins: deque[tuple[int, PlacedBytes]] = (
            deque()
        )  # pieces of `data`, each with the number of bytes before it in the file
        self.damage: PlacedBytes | None = (
            None  # damage after the bytes of `data`; nothing more is read before it is dealt with
        )

    def extend(self) -> bool:
        """Read on; False at the end and before damage."""
        piece = None if self.damage else next(self.pieces, None)
        if piece is None:
            return False
        if piece.data:
            if not self.data:
                self.origins.clear()
            self.origins.append((self.passed + len(self.data), piece))
            self.data += piece.data
        if piece.damage:
            self.damage = piece
        return bool(piece.data)

    def drop(self, count: int) -> None:
        """Let go of the first bytes."""
        del self.data[:count]
        self.passed += count
        while len(self.origins) > 1 and self.origins[1][0] <= self.passed:
            self.origins.popleft()

    def place(self) -> str:
        """The place of the first byte."""
        begin, piece = self.origins[0]
        return piece.place(self.passed - begin).removesuffix("+0")


def _raw_records(window: _Window, limit: int) -> Iterator[RawRecord | Unreadable]:
    """The records. Behind one that is damaged, or whose length is false, the next begins where its mark is found."""
    while True:
        if blank := BLANK.match(window.data):
            window.drop(blank.end())
        if not window.data and window.extend():
            continue
        if window.data:
            problem, end = _measure(window, limit)
            if problem:
                yield _pass_over(window, problem)
            else:
                yield RawRecord(window.place(), bytes(window.data[:end]))
                window.drop(end)
        elif window.damage:
            damage, window.damage = window.damage, None
            yield Unreadable(damage.place(0).removesuffix("+0"), damage.damage, "", 0)
        else:
            return


def _measure(window: _Window, limit: int) -> tuple[str, int]:
    """What is wrong with the record at which the window begins, or where it ends."""
    data = window.data
    while (
        not (headers := END_OF_HEADERS.search(data, 0, HEADER_BYTES)) and len(data) < HEADER_BYTES and window.extend()
    ):
        pass
    if not data.startswith(BEGINNING):
        return "no WARC record begins here", 0
    length = CONTENT_LENGTH.search(data, 0, headers.end()) if headers else None
    if not headers or not length:
        return "a WARC record without a Content-Length", 0
    end = headers.end() + int(length[1])
    if end > limit:
        return too_large(end, limit), 0
    while len(data) < end + MARK_BYTES and window.extend():
        pass
    following = bytes(data[end : end + MARK_BYTES])
    another = following.lstrip(b"\r\n")[: len(BEGINNING)]
    if len(data) < end:
        return f"its Content-Length is false: the file ends {end - len(data)} bytes before the record", 0
    if not following.startswith(BLANK_LINE) and another != BEGINNING[: len(another)]:
        return "its Content-Length is false: no record begins behind it", 0
    return "", end


def _pass_over(window: _Window, problem: str) -> Unreadable:
    """Let go of what stands before the next mark, as one unreadable record; damage that follows explains it."""
    place, beginning, size = window.place(), bytes(window.data[:EXCERPT_BYTES]), 0
    while (mark := _find_mark(window.data)) < 0:
        passed = max(0, len(window.data) - MARK_BYTES)
        window.drop(passed)
        size += passed
        if not window.extend():
            break
    last = mark if mark > 0 else len(window.data)
    window.drop(last)
    if mark < 0 and window.damage:
        problem, window.damage = window.damage.damage, None
    return Unreadable(place, problem, excerpt(beginning), size + last)


def _find_mark(data: bytearray) -> int:
    """Where in `data` a record begins, after the first byte and at the beginning of a line or after padding; or -1."""
    found = data.find(BEGINNING, 1)
    while found > 0 and not (data[found - 1] in b"\n\0" and VERSION.match(data, found)):
        found = data.find(BEGINNING, found + 1)
    return found


def _document(raw: RawRecord, source: SourceConfig, limit: int) -> Record | Unreadable | None:
    size = len(raw.content)
    uri = None
    try:
        record = _opened(raw.content)
        kind, uri = record.headers.get("WARC-Type") or "", record.headers.get("WARC-Target-URI")
        if kind in NO_DOCUMENTS:
            return None
        content_type, charset = _content_type(record, kind)
        if cut := record.headers.get("WARC-Truncated"):
            raise ValueError(f"the page was cut short when it was fetched: {cut}")
        content = _payload(record, raw.content, limit)
        title, text, left_out = "", "", NOTHING
        if content_type in HTML:
            title, text, left_out = extract(content, extractor=source.extractor, declared_encoding=charset)
        else:
            text = to_utf8(content, charset).decode()
    except (OSError, ValueError, StopIteration) as problem:
        reason = first_line(problem).partition(": '")[0]  # what follows is the page, which fastwarc quotes
        return Unreadable(raw.place, reason[:REASON_CHARACTERS], uri or "", size)
    fields = {
        source.text_field: text,
        "uri": uri,
        "title": title or None,
        "date": record.headers.get("WARC-Date"),
        "id": record.headers.get("WARC-Record-ID"),
        "language": record.headers.get("WARC-Identified-Content-Language"),
    }
    return Record(
        raw.place, {name: value for name, value in fields.items() if value is not None}, size, left_out=left_out
    )


def _opened(content: bytes, decode: Literal["transfer", "all"] = "transfer") -> WarcRecord:
    """The record, read up to the end of its headers; what is decoded of the HTTP response in it is `decode`."""
    stored = io.BytesIO(_with_crlf(content))
    record = next(iter(ArchiveIterator(stored, parse_http=False, max_header_len=HEADER_BYTES)))
    # fastwarc knows the type only in its usual case.
    if (record.headers.get("Content-Type") or "").lower().startswith("application/http"):
        record.set_bytes_content(_with_crlf(record.reader.read()))
        record.is_http = True
        record.parse_http(auto_decode=decode)
    return record


def _with_crlf(content: bytes) -> bytes:
    """`content` with the ends of lines in its headers that fastwarc takes for such."""
    headers = END_OF_HEADERS.search(content, 0, HEADER_BYTES)
    end = headers.end() if headers else 0
    if not BARE_NEWLINE.search(content, 0, end):
        return content
    return BARE_NEWLINE.sub(b"\r\n", content[:end]) + content[end:]


def _payload(record: WarcRecord, block: bytes, limit: int) -> bytes:
    """The page, unpacked. Raises ValueError for one of more than `limit` bytes and for one that is cut short."""
    declared = (record.http_headers.get("Content-Encoding") if record.http_headers is not None else None) or ""
    encodings = [encoding for part in declared.lower().split(",") if (encoding := part.strip()) not in ("", "identity")]
    if len(encodings) > MOST_ENCODINGS:
        raise ValueError(f"the page is packed {len(encodings)} times over")
    if not ZLIB.issuperset(encodings):
        record, encodings = _opened(block, "all"), []
    content = _within(iter(partial(record.reader.read, PAYLOAD_BYTES), b""), limit)
    try:
        for encoding in reversed(encodings):
            content = _within(_ungzip(content) if encoding in GZIP else _inflate(content, limit), limit)
    except (DamagedStream, zlib.error) as problem:
        raise ValueError(f"the page cannot be unpacked: {problem}") from None
    return content


def _within(pieces: Iterable[bytes], limit: int) -> bytes:
    """The `pieces` as one. Raises ValueError for more than `limit` bytes."""
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) > limit:
            raise ValueError(f"the page unpacks to more than the {limit} bytes that max_record_mb allows")
    return bytes(content)


def _ungzip(packed: bytes) -> Iterator[bytes]:
    packed = packed.rstrip(b"\r\n")  # scripts leave newlines after their output; browsers skip them, too
    # Empty content unpacks to nothing, which is no damage.
    return decompressed(io.BytesIO(packed), ".gz", FILE_BYTES) if packed else iter(())


def _inflate(packed: bytes, limit: int) -> Iterator[bytes]:
    """The bytes that `packed` unpacks to; when they are more than `limit`, the first `limit` + 1 of them."""
    stream = zlib.decompressobj()
    yield stream.decompress(packed, limit + 1)
    if packed and not stream.eof:
        raise DamagedStream("truncated deflate")


def _content_type(record: WarcRecord, kind: str) -> tuple[str, str | None]:
    """Type and charset of the page in a record. Raises ValueError for what is no page."""
    header = record.headers.get("Content-Type") or ""
    if kind == "response" and record.http_headers is not None:
        if record.http_headers.status_code != 200:
            raise ValueError(f"not a page: HTTP status {record.http_headers.status_code}")
        header = record.http_headers.get("Content-Type") or ""
    elif kind not in ("response", "resource", "conversion"):
        raise ValueError(f"not a page: a WARC record of type {kind or 'none'}")
    content_type, charset = header.partition(";")[0].strip().lower(), CHARSET.search(header)
    if content_type not in HTML | {"text/plain"}:
        raise ValueError(f"not a page: {content_type[:100] or 'no Content-Type'}")
    return content_type, charset and charset[1]
