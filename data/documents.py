"""Documents: what passes between the data stages, as Parquet tables.

A document is a row of `SCHEMA`. Beside the documents a stage keeps what it did not pass on: rejected documents with the
rule that rejected each (`REJECTED_SCHEMA`), and records that could not be read with their error (`QUARANTINE_SCHEMA`).
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xxhash

SCHEMA = pa.schema(
    [
        ("id", pa.string()),  # document_id of source and locator
        ("text", pa.string()),
        ("source", pa.string()),  # the source's name in the recipe
        ("uri", pa.string()),  # where a reader finds the document: an address, or file and place in it
        ("license", pa.string()),
        ("language", pa.string()),  # null until the language is identified
        ("language_score", pa.float32()),
        ("meta", pa.string()),  # a JSON object
    ]
)
REJECTED_SCHEMA = SCHEMA.append(pa.field("rule", pa.string())).append(pa.field("detail", pa.string()))
QUARANTINE_SCHEMA = pa.schema(
    [("source", pa.string()), ("locator", pa.string()), ("error", pa.string()), ("excerpt", pa.string())]
)

EXCERPT_CHARACTERS = 500  # of an unreadable record that are kept in quarantine
ROW_GROUP_ROWS = 4096  # fixed, so that a table's bytes are a function of its rows


def document_id(source: str, locator: str) -> str:
    """32 hex digits that name a document by its place in its source (byte offset, row number), never in a shard."""
    return xxhash.xxh3_128_hexdigest(f"{source}\0{locator}".encode())


def content_hash(text: str) -> str:
    """32 hex digits, equal for equal texts."""
    return xxhash.xxh3_128_hexdigest(text.encode())


def write_table(path: Path, rows: list[dict[str, object]] | pa.Table, schema: pa.Schema) -> None:
    """Write `rows` as zstd Parquet; equal rows give equal bytes. A row without one of the schema's keys gets a null."""
    table = rows.cast(schema) if isinstance(rows, pa.Table) else pa.Table.from_pylist(rows, schema=schema)
    # No copy of the Arrow schema and no metadata of the caller's: only the rows decide about the bytes.
    pq.write_table(
        table.replace_schema_metadata(None),
        path,
        compression="zstd",
        row_group_size=ROW_GROUP_ROWS,
        store_schema=False,
    )


class TableWriter:
    """Writes rows to the Parquet file `path` a row group at a time. Without rows there is no file."""

    def __init__(self, path: Path, schema: pa.Schema):
        self.path = path
        self.schema = schema
        self._rows: list[dict[str, object]] = []
        self._file: pq.ParquetWriter | None = None

    def __enter__(self) -> "TableWriter":
        return self

    def __exit__(self, *error: object) -> None:
        self._flush()
        if self._file is not None:
            self._file.close()

    def append(self, row: dict[str, object]) -> None:
        """Add one row; keys that the schema does not have are an error of the caller's."""
        assert row.keys() <= set(self.schema.names), row.keys()
        self._rows.append(row)
        if len(self._rows) == ROW_GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._rows and self._file is None:
            self._file = pq.ParquetWriter(self.path, self.schema, compression="zstd", store_schema=False)
        if self._rows and self._file is not None:
            self._file.write_table(pa.Table.from_pylist(self._rows, schema=self.schema))
            self._rows.clear()


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """The table at `path`, or some of its columns."""
    with pq.ParquetFile(path) as file:  # `pq.read_table` imports pandas too: a second in a process that has not
        return file.read(columns)
