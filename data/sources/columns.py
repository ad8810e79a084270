"""Rows of Arrow record batches as records: what Parquet and Arrow files have in common."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data.normalise import Utf8
from data.sources.files import SourceConfig
from data.sources.record import EXCERPT_BYTES, Record, Unreadable, excerpt, first_line, too_large

BATCH_ROWS = 64  # held at once; each may be as large as a record may
BINARY = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary()}
UNDECODABLE = (UnicodeDecodeError, ValueError, OverflowError)  # invalid UTF-8; dates out of Python's range


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


def raise_if_no_damage(problem: Exception) -> None:
    """Raise an error of the file system or of a transfer: it has a number, pyarrow's OSError for a damaged page has none."""
    if isinstance(problem, OSError) and problem.errno is not None:
        raise problem


def records_of(
    batch: pa.RecordBatch, source: SourceConfig, limit: int, prefix: str, row: int
) -> Iterator[Record | Unreadable]:
    """The rows of `batch` with those of the source's columns that it has; places are `prefix` and the number from `row` on.

    A row whose text has more than `limit` bytes, and one that cannot be decoded, is unreadable.
    """
    batch = batch.select([name for name in source.columns if name in batch.schema.names])
    for begin in range(0, batch.num_rows, BATCH_ROWS):
        part = batch.slice(begin, BATCH_ROWS)
        fast = _all_at_once(part, source.text_field, limit)
        values = fast if fast is not None else _one_by_one(part, source.text_field, limit)
        for number, (found, size) in zip(count(row + begin), values, strict=False):
            if isinstance(found, dict):
                yield Record(f"{prefix}{number}", found, size)
            else:
                error, beginning = found
                yield Unreadable(f"{prefix}{number}", error, beginning, size)


def _all_at_once(batch: pa.RecordBatch, text_field: str, limit: int) -> list[tuple[dict[str, Any], int]] | None:
    """Every row's fields, the text in UTF-8 as it is, and bytes of text; None when a row needs a closer look."""
    text = batch.column(text_field)
    if text.type not in BINARY:
        return None
    sizes = pc.fill_null(pc.binary_length(text), 0).to_pylist()
    if max(sizes) > limit:
        return None
    try:
        text.validate(full=True)  # UTF-8
        contents, lengths = text.cast(BINARY[text.type]).to_pylist(), pc.utf8_length(text).to_pylist()
        others = [batch.column(name).to_pylist() for name in batch.schema.names if name != text_field]
    except UNDECODABLE:
        return None
    texts = [
        None if content is None else Utf8(content, length) for content, length in zip(contents, lengths, strict=True)
    ]
    names = [text_field, *(name for name in batch.schema.names if name != text_field)]
    return [(dict(zip(names, cells, strict=True)), size) for *cells, size in zip(texts, *others, sizes, strict=True)]


def _one_by_one(
    batch: pa.RecordBatch, text_field: str, limit: int
) -> Iterator[tuple[dict[str, Any] | tuple[str, str], int]]:
    """Every row's fields, or its error and the beginning of its text, and its bytes of text."""
    for cells in zip(*batch.columns, strict=True):
        row = dict(zip(batch.schema.names, cells, strict=True))
        text = row[text_field]
        while isinstance(text, pa.DictionaryScalar):
            text = text.value
        content = text.as_buffer() if hasattr(text, "as_buffer") and text.is_valid else b""
        size = len(content)
        if size > limit:
            yield (too_large(size, limit), excerpt(bytes(content[:EXCERPT_BYTES]))), size
            continue
        try:
            yield {name: cell.as_py() for name, cell in row.items()}, size
        except UNDECODABLE as problem:
            yield (f"a value cannot be decoded: {first_line(problem)}", ""), size
