"""Parquet: one record a row."""

from collections.abc import Iterator
from pathlib import Path

from data.sources.record import Record, Unreadable, too_large

BATCH_ROWS = 256  # held at once


def read_parquet(path: Path, columns: tuple[str, ...], limit: int) -> Iterator[Record | Unreadable]:
    """The rows of `path` with those of `columns` that it has; `columns[0]` is the text. `place` is the row number.

    A row whose text has more than `limit` bytes, and one that cannot be decoded, is unreadable; so is all that
    follows a damaged page, as one record.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    row = 0
    try:
        with pq.ParquetFile(path) as file:
            present = [name for name in columns if name in file.schema_arrow.names]
            if columns[0] not in present:
                error = f"no column {columns[0]!r}, which text_field names, in any of the {file.metadata.num_rows} rows"
                yield Unreadable(0, error, f"columns: {', '.join(file.schema_arrow.names)}", 0)
                return
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=present):
                for cells in zip(*batch.columns, strict=True):
                    yield _record(row, dict(zip(batch.schema.names, cells, strict=True)), columns[0], limit)
                    row += 1
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as problem:
        yield Unreadable(row, f"the rest of the file cannot be read: {first_line(problem)}", "", 0)
    except OSError as problem:
        if problem.errno is not None:  # the file system's, not a damaged page
            raise
        yield Unreadable(row, f"the rest of the file cannot be read: {first_line(problem)}", "", 0)


def _record(row: int, cells: dict, text_field: str, limit: int) -> Record | Unreadable:
    text = cells[text_field]
    size = text.as_buffer().size if hasattr(text, "as_buffer") and text.is_valid else 0
    if size > limit:
        return Unreadable(
            row, too_large(size, limit), text.as_buffer()[:2000].to_pybytes().decode(errors="replace"), size
        )
    try:
        return Record(row, {name: cell.as_py() for name, cell in cells.items()}, size)
    except (UnicodeDecodeError, ValueError, OverflowError) as problem:  # dates out of range among them
        return Unreadable(row, f"a value cannot be decoded: {first_line(problem)}", "", size)


def first_line(problem: Exception) -> str:
    """What `problem` says, on one line."""
    return (str(problem).splitlines() or [type(problem).__name__])[0]
