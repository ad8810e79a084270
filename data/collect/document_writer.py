"""Documents written into Parquet files as they come: a row group of them is held, however many they are."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from data.collect.fields import Document
from data.content import Content, ContentHasher
from data.documents import SCHEMA, document_file
from data.tables import ROW_GROUP_ROWS, TableWriter

ROW_GROUP_BYTES = (
    1 << 23
)  # Text in a row group: smaller groups compress less, larger ones fall out of the processor's caches.


class DocumentWriter:
    """Writes documents-00000.parquet and so on into `folder`, each of about `file_bytes` of text; without any, an empty one."""

    def __init__(self, folder: Path, source: str, file_bytes: int):
        self._folder, self._source, self._file_bytes = folder, source, file_bytes
        self._file: TableWriter | None = None
        self._files = 0
        self._in_file = self._held = 0  # bytes of text
        self._rows: list[Document] = []
        self._hasher = ContentHasher()

    def __enter__(self) -> "DocumentWriter":
        return self

    def __exit__(self, error: type[BaseException] | None, *rest: object) -> None:
        if error is None and (self._rows or not self._files):
            self._write_rows()
        self._close()

    def append(self, document: Document) -> None:
        """Add a document."""
        size = len(document.text)
        if self._in_file and self._in_file + size > self._file_bytes:
            self._write_rows()
            self._close()
        elif len(self._rows) == ROW_GROUP_ROWS or (self._held and self._held + size > ROW_GROUP_BYTES):
            self._write_rows()
        self._rows.append(document)
        self._in_file += size
        self._held += size
        id, text, _, uri, license, meta, _ = document
        self._hasher.add(text, (id, self._source, uri, license, None, None, meta))  # in the order of SCHEMA

    @property
    def content(self) -> Content:
        """The content of the documents so far."""
        return self._hasher.content

    def _write_rows(self) -> None:
        if self._file is None:
            self._file = TableWriter(self._folder / document_file(self._files), SCHEMA, even_empty=True)
            self._files += 1
        self._file.write(self._table())
        self._rows.clear()
        self._held = 0

    def _table(self) -> pa.Table:
        count = len(self._rows)
        texts = [row.text for row in self._rows]
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
        # Arrow's own way from a list of strings takes ten times as long.
        text = pa.StringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(b"".join(texts)))
        arrays = {"text": text, "source": pa.repeat(self._source, count)}
        for name in ("id", "uri", "license", "meta"):
            arrays[name] = pa.array([getattr(row, name) for row in self._rows], pa.string())
        return pa.Table.from_arrays(
            [arrays[field.name] if field.name in arrays else pa.nulls(count, field.type) for field in SCHEMA],
            schema=SCHEMA,
        )

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        self._in_file = 0
