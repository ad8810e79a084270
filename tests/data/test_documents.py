"""The documents' tables: identity of documents, and equal bytes for equal rows."""

from pathlib import Path

import pyarrow as pa
import pytest
import xxhash

from data import documents
from data.documents import (
    QUARANTINE_SCHEMA,
    REJECTED_SCHEMA,
    SCHEMA,
    TableWriter,
    content_hash,
    document_id,
    read_table,
    write_table,
)

ROW = {"id": "a", "text": "naïve", "source": "s", "uri": "u", "license": "CC0-1.0", "meta": "{}"}


def test_identifiers_are_those_of_the_reference_hash() -> None:
    assert document_id("sotu", "a.jsonl#12") == xxhash.xxh3_128(b"sotu\x00a.jsonl#12").hexdigest()
    assert content_hash("naïve") == xxhash.xxh3_128("naïve".encode()).hexdigest()
    assert document_id("a", "b#1") != document_id("ab", "#1")  # the border between name and locator counts


def test_a_table_keeps_rows_and_schema_and_fills_what_is_missing(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", [ROW], SCHEMA)
    table = read_table(tmp_path / "a.parquet")
    assert table.schema == SCHEMA
    assert table.to_pylist() == [ROW | {"language": None, "language_score": None}]


def test_a_table_without_rows_has_the_schema(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", [], REJECTED_SCHEMA)
    assert read_table(tmp_path / "a.parquet").schema == REJECTED_SCHEMA


def test_equal_rows_give_equal_bytes_whatever_metadata_or_chunks_they_came_in(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", [ROW, ROW], SCHEMA)
    one = pa.Table.from_pylist([ROW], schema=SCHEMA)
    chunked = pa.concat_tables([one, one]).replace_schema_metadata({"host": "here"})
    write_table(tmp_path / "b.parquet", chunked, SCHEMA)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_table_writer_writes_row_groups_and_all_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "ROW_GROUP_ROWS", 3)
    rows = [{"source": "s", "locator": str(n), "error": "e", "excerpt": ""} for n in range(7)]
    with TableWriter(tmp_path / "q.parquet", QUARANTINE_SCHEMA) as writer:
        for row in rows:
            writer.append(dict(row))
    assert read_table(tmp_path / "q.parquet").to_pylist() == rows


def test_a_table_writer_without_rows_leaves_no_file(tmp_path: Path) -> None:
    with TableWriter(tmp_path / "q.parquet", QUARANTINE_SCHEMA):
        pass
    assert not (tmp_path / "q.parquet").exists()
