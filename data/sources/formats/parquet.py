"""Parquet: one record a row."""

from collections.abc import Iterator
from itertools import accumulate

import pyarrow as pa
import pyarrow.parquet as pq

from data.sources.config import SourceConfig
from data.sources.formats.columns import BATCH_ROWS, records_of, unusable
from data.sources.record import Record, Unreadable, first_line, raise_if_no_damage, rest_unreadable
from data.sources.streams.input import Input, ReadLimits

READ_BYTES = 1 << 20  # So much of a column is read at a time, instead of all that it has in a row group.


def read_parquet(input: Input, source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    """The rows of the part's row groups with those of the source's columns that they have. `place` is the row number.

    A row whose text has more than `record_bytes`, and one that cannot be decoded, is unreadable; so is all that follows a
    damaged page to the end of its row group, as one record.
    """
    try:
        with input.open() as stored, pq.ParquetFile(stored, buffer_size=READ_BYTES, pre_buffer=False) as file:
            names = file.schema_arrow.names
            if problem := unusable("0", source, names, f"{file.metadata.num_rows} rows"):
                if input.start == 0:
                    yield problem
                return
            groups = [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]
            rows = list(accumulate(groups, initial=0))  # number of rows before each group
            for number in range(input.start, len(groups) if input.stop is None else input.stop):
                yield from _row_group(file, number, rows[number], source, limits)
    except (pa.ArrowException, OSError) as error:
        raise_if_no_damage(error)
        if input.start == 0:
            yield rest_unreadable("0", error)


def _row_group(
    file: pq.ParquetFile, number: int, row: int, source: SourceConfig, limits: ReadLimits
) -> Iterator[Record | Unreadable]:
    columns = [name for name in source.columns if name in file.schema_arrow.names]
    try:
        for batch in file.iter_batches(BATCH_ROWS, [number], columns, use_threads=False):
            yield from records_of(batch, source, limits.record_bytes, "", row)
            row += batch.num_rows
    except (pa.ArrowException, OSError) as problem:
        raise_if_no_damage(problem)
        yield Unreadable(str(row), f"the rest of row group {number} cannot be read: {first_line(problem)}", "", 0)
