"""CSV and TSV (RFC 4180, as Python's csv module reads it), plain or compressed: one record a row under a header row."""

import csv
import re
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from data.sources.config import SourceConfig
from data.sources.encodings import as_utf8
from data.sources.record import EXCERPT_BYTES, Record, Unreadable, excerpt, rest_unreadable, too_large
from data.sources.streams.byte_stream import CHUNK_BYTES
from data.sources.streams.input import Input, ReadLimits
from data.sources.streams.placed_bytes import placed_bytes

BOM = b"\xef\xbb\xbf"
TABS = re.compile(r"\.tsv(\.[a-z0-9]+)?$", re.IGNORECASE)  # A name of a file with tabs, compressed or not.
UNCLOSED = "a quote is opened that is not closed before the file ends"
# Only the first line of such a row is unreadable, and the others are read again as rows of their own. At most these many
# times the bytes read so far are read again, as otherwise the work could grow with the square of the file's size.
MOST_READ_AGAIN = 4
csv.field_size_limit(1 << 31)  # Characters: rows are bounded by the lines that the csv module is given.


class Line(NamedTuple):
    """A line without its newline, or (with `damage`) what there is of one before the file cannot be read any further."""

    content: bytes  # only the beginning of a line that has more bytes than a record may have
    bytes: int
    quotes: int
    damage: str = ""


class Row(NamedTuple):
    """The cells of a row, or what is wrong with it."""

    cells: list[str]
    error: str
    beginning: bytes
    bytes: int


def read_csv(input: Input, source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    """The rows, each with the fields that the header names; `place` is the row's number after the header, from 0.

    A row that cannot be read, or that has not as many fields as the header, is unreadable; blank lines are no rows. Behind
    damage nothing is read, in whatever compression: what follows may be the middle of a quoted cell, and look like rows.
    """
    input, encoding = as_utf8(input, source)
    delimiter = source.csv.delimiter or ("\t" if TABS.search(input.name) else ",")
    rows = _rows(_Lines(_lines(input, limits), limits.record_bytes), delimiter)
    header = next(rows, Row([], "there is none", b"", 0))
    if problem := _problem(header, source):
        yield rest_unreadable("0", problem, header.beginning, header.bytes)
        return
    for number, row in enumerate(rows):
        error = row.error
        if not error and len(row.cells) != len(header.cells):
            error = f"the row has {len(row.cells)} fields, the header {len(header.cells)}"
        if error:
            yield Unreadable(str(number), error, excerpt(row.beginning), row.bytes)
        else:
            yield Record(str(number), dict(zip(header.cells, row.cells, strict=True)), row.bytes, encoding)


def _problem(header: Row, source: SourceConfig) -> str:
    if header.error:
        return f"the header row: {header.error}"
    if twice := [name for name in source.columns if header.cells.count(name) > 1]:
        return f"more than one column is called {twice[0]!r}"
    if source.text_field not in header.cells:
        return f"no column {source.text_field!r}, which text_field names, only {', '.join(header.cells)[:200]}"
    return ""


def _lines(input: Input, limits: ReadLimits) -> Iterator[Line]:
    """The lines up to the file's end or to damage."""
    kept = max(limits.record_bytes, EXCERPT_BYTES)
    held, size, quotes = bytearray(), 0, 0  # content, bytes and quotation marks of the line that is being read
    for piece in placed_bytes(input, limits.file_bytes):
        for begin in range(0, len(piece.data), CHUNK_BYTES):
            *ends, rest = piece.data[begin : begin + CHUNK_BYTES].split(b"\n")
            for end in ends:
                held += end[: kept - len(held)]
                size += len(end)
                content = bytes(held[:EXCERPT_BYTES] if size > limits.record_bytes else held)
                yield Line(content, size, quotes + end.count(b'"'))
                held, size, quotes = bytearray(), 0, 0
            held += rest[: kept - len(held)]
            size += len(rest)
            quotes += rest.count(b'"')
        if piece.damage:
            problem = piece.damage.partition(": ")[
                2
            ]  # the words before it say how much is lost where lines are records
            yield Line(bytes(held), size, quotes, f"the rest of the file cannot be read: {problem}")
            return
    if size:
        yield Line(bytes(held), size, quotes)


class _Stopped(Exception):
    """The row cannot be read to its end."""


class _TooLong(Exception):
    """The row has become too long to be held: reading goes on without what was read of it so far."""


class _Lines(Iterator[str]):
    """The lines that csv.reader takes; for one row it takes several only where a quote is open at the end of a line."""

    def __init__(self, lines: Iterator[Line], limit: int) -> None:
        self.lines = lines
        self.limit = limit
        self.again: deque[Line] = deque()
        self.read = self.read_again = 0  # bytes
        self.crossing: Line | None = None  # the line at which a row became too long; reading goes on with it
        self.begin_row()

    def begin_row(self) -> None:
        """Begin another row."""
        self.held: list[Line] = []
        self.held_bytes = self.bytes = 0
        self.invalid = ""

    def __next__(self) -> str:
        if self.crossing is not None:
            line, self.crossing = self.crossing, None
            return '"' + self._text(line)  # the row goes on within quotes
        found = self._take()
        if found is None:
            if self.held:
                raise _Stopped(UNCLOSED)
            raise StopIteration
        within_quotes = bool(self.held)
        self.held.append(found)
        size = found.bytes + (not found.damage)
        self.bytes += size
        if found.damage:
            raise _Stopped(found.damage)
        if size > self.limit:
            # When a row begins with it, nobody knows whether a quote is open after it: a " may be an inch.
            if not within_quotes or found.quotes % 2:
                raise _Stopped(too_large(self.bytes, self.limit))
            del self.held[1:]
            self.crossing = Line(b"", 0, 0)
            raise _TooLong
        if self.held_bytes + size > self.limit:
            del self.held[1:]
            self.crossing, self.held_bytes = found, size
            raise _TooLong
        self.held_bytes += size
        return self._text(found)

    def _take(self) -> Line | None:
        if self.again:
            return self.again.popleft()
        found = next(self.lines, None)
        if found and not self.read:
            found = found._replace(content=found.content.removeprefix(BOM))
        self.read += found.bytes + 1 if found else 0
        return found

    def _text(self, line: Line) -> str:
        try:
            return line.content.decode() + "\n"
        except UnicodeDecodeError as problem:
            self.invalid = f"invalid UTF-8: {problem.reason} at byte {problem.start} of the line"
            return line.content.decode(errors="replace") + "\n"

    def put_back(self) -> None:
        """Let all lines of the row but its first be read again, if that was not done too often."""
        first, *others = self.held
        size = self.bytes - first.bytes - 1
        if self.bytes == self.held_bytes and self.read_again + size <= MOST_READ_AGAIN * self.read:
            self.again.extendleft(reversed(others))
            self.read_again += size
            self.bytes -= size


def _rows(lines: _Lines, delimiter: str) -> Iterator[Row]:
    reader = csv.reader(lines, delimiter=delimiter)
    while True:
        lines.begin_row()
        cells: list[str] | None = None
        error = ""
        while cells is None and not error:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except _TooLong:
                continue
            except _Stopped as problem:
                error = str(problem)
            except csv.Error as problem:
                error = f"invalid CSV: {str(problem).partition(' - ')[0]}"  # the rest of the message is advice to programmers
        if error == UNCLOSED:
            lines.put_back()
        if lines.bytes > lines.limit and not lines.held[-1].damage:
            error = too_large(lines.bytes, lines.limit) + (f"; {UNCLOSED}" if error == UNCLOSED else "")
        if cells or error:
            yield Row(cells or [], error or lines.invalid, lines.held[0].content, lines.bytes)
