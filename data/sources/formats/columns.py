"""Rows of Arrow record batches as records: what Parquet and Arrow files have in common."""

from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import stringzilla

from data.sources.config import SourceConfig
from data.sources.record import EXCERPT_BYTES, Record, Unreadable, excerpt, first_line, too_large
from data.text.normalise import Utf8

BATCH_ROWS = 64  # So many rows are held at once; each may be as large as a record may.
BINARY = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}
UNDECODABLE = (
    UnicodeDecodeError,
    ValueError,
    OverflowError,
)  # Raised for invalid UTF-8 and for dates out of Python's range.


def unusable(place: str, source: SourceConfig, names: Sequence[str], rows: str) -> Unreadable | None:
    """A table without the text, or with two columns of a name that is read, as one unreadable record; None for any other."""
    twice = [name for name in source.columns if names.count(name) > 1]
    if source.text_field not in names:
        error = f"no column {source.text_field!r}, which text_field names, in any of the {rows}"
    elif twice:
        error = f"more than one column is called {twice[0]!r}, in all of the {rows}"
    else:
        return None
    return Unreadable(place, error, f"columns: {', '.join(names)}"[:EXCERPT_BYTES], 0)


def records_of(
    batch: pa.RecordBatch, source: SourceConfig, limit: int, prefix: str, row: int
) -> Iterator[Record | Unreadable]:
    """The rows of `batch` with those of the source's columns that it has; places are `prefix` and the number from `row` on.

    A row whose text has more than `limit` bytes, and one that cannot be decoded, is unreadable.
    """
    batch = batch.select(
        [name for name in source.columns if name in batch.schema.names]
    )  # the text is the first column
    for begin in range(0, batch.num_rows, BATCH_ROWS):
        part = batch.slice(begin, BATCH_ROWS)
        places = [f"{prefix}{number}" for number in range(row + begin, row + begin + part.num_rows)]
        records = _all_at_once(places, part, limit)
        yield from _one_by_one(places, part, limit) if records is None else records


def _all_at_once(places: list[str], batch: pa.RecordBatch, limit: int) -> Iterator[Record] | None:
    """The records of the rows, the texts in UTF-8 as they are; None when a row needs a closer look."""
    text = batch.column(0)
    if text.type not in BINARY:
        return None
    sizes = pc.fill_null(pc.binary_length(text), 0).to_pylist()
    if max(sizes) > limit:
        return None
    try:
        text.validate(full=True)  # finds invalid UTF-8
        contents = text.cast(BINARY[text.type]).to_pylist()
        others = [column.to_pylist() for column in batch.columns[1:]]
    except UNDECODABLE:
        return None
    # Counting characters here takes a fifth of the time that Arrow takes.
    texts = [None if content is None else Utf8(content, stringzilla.utf8_count(content)) for content in contents]
    names = batch.schema.names
    rows = (dict(zip(names, cells, strict=True)) for cells in zip(texts, *others, strict=True))
    return map(Record, places, rows, sizes)


def _one_by_one(places: list[str], batch: pa.RecordBatch, limit: int) -> Iterator[Record | Unreadable]:
    for place, *cells in zip(places, *batch.columns, strict=True):
        text = cells[0]
        while isinstance(text, pa.DictionaryScalar):
            text = text.value
        content = text.as_buffer() if hasattr(text, "as_buffer") and text.is_valid else b""
        size = len(content)
        if size > limit:
            yield Unreadable(place, too_large(size, limit), excerpt(bytes(content[:EXCERPT_BYTES])), size)
            continue
        try:
            row = {name: cell.as_py() for name, cell in zip(batch.schema.names, cells, strict=True)}
        except UNDECODABLE as problem:
            yield Unreadable(place, f"a value cannot be decoded: {first_line(problem)}", "", size)
        else:
            yield Record(place, row, size)
