"""Documents written into Parquet files as they come: what is held is a row group, whatever comes."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from data.documents import ROW_GROUP_ROWS, SCHEMA
from data.sources.fields import Document

ROW_GROUP_BYTES = (
    1 << 23
)  # of text; fewer rows make a group where they are long. Less is less compact, more falls out of caches.


class DocumentWriter:
    """Writes documents-00000.parquet and so on into `folder`, each of about `file_bytes` of text; without any, an empty one."""

    def __init__(self, folder: Path, source: str, file_bytes: int):
        self._folder, self._source, self._file_bytes = folder, source, file_bytes
        self._file: pq.ParquetWriter | None = None
        self._files = 0
        self._in_file = self._held = 0  # bytes of text
        self._columns: dict[str, list[str]] = {name: [] for name in Document._fields}

    def __enter__(self) -> "DocumentWriter":
        return self

    def __exit__(self, error: type[BaseException] | None, *rest: object) -> None:
        if error is None and (self._columns["id"] or not self._files):
            self._write_rows()
        self._close()

    def append(self, document: Document, size: int) -> None:
        """Add a document with `size` bytes of text."""
        if self._in_file and self._in_file + size > self._file_bytes:
            self._write_rows()
            self._close()
        elif len(self._columns["id"]) == ROW_GROUP_ROWS or (self._held and self._held + size > ROW_GROUP_BYTES):
            self._write_rows()
        for column, value in zip(self._columns.values(), document, strict=True):
            column.append(value)
        self._in_file += size
        self._held += size

    def _write_rows(self) -> None:
        if self._file is None:
            path = self._folder / f"documents-{self._files:05d}.parquet"
            # Long texts hardly ever repeat: a dictionary of them, and their smallest and largest, are of no use.
            self._file = pq.ParquetWriter(
                path,
                SCHEMA,
                compression="zstd",
                store_schema=False,
                use_dictionary=["source", "license"],
                write_statistics=False,
            )
            self._files += 1
        self._file.write_table(self._table())
        for column in self._columns.values():
            column.clear()
        self._held = 0

    def _table(self) -> pa.Table:
        count = len(self._columns["id"])
        arrays = {name: pa.array(column, pa.string()) for name, column in self._columns.items()}
        arrays["source"] = pa.repeat(self._source, count)
        return pa.Table.from_arrays(
            [arrays[field.name] if field.name in arrays else pa.nulls(count, field.type) for field in SCHEMA],
            schema=SCHEMA,
        )

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._in_file = 0
