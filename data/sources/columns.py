"""Rows of Arrow record batches as records: what Parquet and Arrow files have in common."""

from collections.abc import Iterator, Sequence
from itertools import count
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data.sources.files import SourceConfig
from data.sources.record import EXCERPT_BYTES, Record, Unreadable, excerpt, first_line, too_large

BATCH_ROWS = 256  # turned into Python's values at once
UNDECODABLE = (UnicodeDecodeError, ValueError, OverflowError)  # invalid UTF-8; dates out of Python's range


def missing_column(place: str, source: SourceConfig, names: Sequence[str], rows: str) -> Unreadable:
    """A table without the text, as one unreadable record."""
    error = f"no column {source.text_field!r}, which text_field names, in any of the {rows}"
    return Unreadable(place, error, f"columns: {', '.join(names)}", 0)


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
    """Every row's fields and bytes of text; None when a row needs a closer look."""
    text = batch.column(text_field)
    if not (pa.types.is_string(text.type) or pa.types.is_large_string(text.type)):
        return None
    sizes = pc.fill_null(pc.binary_length(text), 0).to_pylist()
    if max(sizes) > limit:
        return None
    try:
        columns = [column.to_pylist() for column in batch.columns]
    except UNDECODABLE:
        return None
    names = batch.schema.names
    return [(dict(zip(names, cells, strict=True)), size) for *cells, size in zip(*columns, sizes, strict=True)]


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
