"""Parquet tables: one writer with one set of settings for whatever `data` writes, and how the tables are read."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_ROWS = 4096  # The number is fixed so that a table's bytes depend on its rows alone.
REPEATING = [
    "source",
    "license",
    "language",
    "rule",
    "reason",
]  # Only these columns are made smaller by a dictionary.
LONG = {
    "text",
    "meta",
    "excerpt",
    "detail",
}  # These columns get no statistics: nobody looks for rows by their smallest and largest value.


class TableWriter:
    """Writes the Parquet file `path` a row group at a time. Without rows there is a file only when `even_empty`.

    Equal row groups give equal bytes. Memory: the rows that `append` has taken since the last row group.
    """

    def __init__(self, path: Path, schema: pa.Schema, even_empty: bool = False) -> None:
        self._path, self._schema = path, schema
        self._rows: list[dict[str, object]] = []
        self._file: pq.ParquetWriter | None = None
        if even_empty:
            self._open()

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(self, error: type[BaseException] | None, *rest: object) -> None:
        if error is None:
            self._flush()
        self.close()

    def close(self) -> None:
        """Finish the file; rows that no row group has yet are not written."""
        if self._file is not None:
            self._file.close()

    def append(self, row: dict[str, object]) -> None:
        """Add one row; one of the schema's columns that it lacks is null, a key that the schema lacks is a caller's error."""
        assert row.keys() <= set(self._schema.names), row.keys()
        self._rows.append(row)
        if len(self._rows) == ROW_GROUP_ROWS:
            self._flush()

    def write(self, table: pa.Table) -> None:
        """Add the rows of `table` as a row group of their own, as several when they are more than `ROW_GROUP_ROWS`."""
        self._flush()
        if len(table):
            self._open().write_table(table.replace_schema_metadata(None), row_group_size=ROW_GROUP_ROWS)

    def _flush(self) -> None:
        if self._rows:
            self._open().write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
            self._rows.clear()

    def _open(self) -> pq.ParquetWriter:
        if self._file is None:
            # The file keeps no copy of the Arrow schema: only the rows decide about the bytes.
            self._file = pq.ParquetWriter(
                self._path,
                self._schema,
                compression="zstd",
                store_schema=False,
                use_dictionary=REPEATING,
                write_statistics=[name for name in self._schema.names if name not in LONG],
            )
        return self._file


def write_table(path: Path, rows: list[dict[str, object]] | pa.Table, schema: pa.Schema) -> None:
    """Write `rows` into a file of their own. A row without one of the schema's keys gets a null."""
    with TableWriter(path, schema, even_empty=True) as file:
        file.write(rows.cast(schema) if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows, schema=schema))


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """The table at `path`, or some of its columns."""
    with pq.ParquetFile(path) as file:  # `pq.read_table` would also import pandas, which takes a second
        return file.read(columns)


def row_groups(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
    """The row groups of the table at `path` in order, or some of their columns; one is in memory at a time."""
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number, columns)
