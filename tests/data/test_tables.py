"""The tables: equal bytes for equal rows, row groups of bounded size."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data import tables
from data.documents import QUARANTINE_SCHEMA, REJECTED_SCHEMA, SCHEMA
from data.tables import TableWriter, read_table, row_groups, write_table

ROW = {"id": "a", "text": "naïve", "source": "s", "uri": "u", "license": "CC0-1.0", "meta": "{}"}
QUARANTINED = [{"source": "s", "locator": str(n), "error": "e", "excerpt": ""} for n in range(7)]


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
    monkeypatch.setattr(tables, "ROW_GROUP_ROWS", 3)
    with TableWriter(tmp_path / "q.parquet", QUARANTINE_SCHEMA) as writer:
        for row in QUARANTINED:
            writer.append(dict(row))
    assert [group.to_pylist() for group in row_groups(tmp_path / "q.parquet")] == [
        QUARANTINED[:3],
        QUARANTINED[3:6],
        QUARANTINED[6:],
    ]


def test_appended_rows_and_tables_keep_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROW_GROUP_ROWS", 3)
    with TableWriter(tmp_path / "q.parquet", QUARANTINE_SCHEMA) as writer:
        writer.append(dict(QUARANTINED[0]))
        writer.write(pa.Table.from_pylist(QUARANTINED[1:6], QUARANTINE_SCHEMA))
        writer.append(dict(QUARANTINED[6]))
    assert [len(group) for group in row_groups(tmp_path / "q.parquet")] == [1, 3, 2, 1]
    assert read_table(tmp_path / "q.parquet").to_pylist() == QUARANTINED


def test_ids_have_statistics_by_which_a_reader_skips_row_groups_and_long_texts_have_none(tmp_path: Path) -> None:
    write_table(tmp_path / "a.parquet", [ROW], SCHEMA)
    group = pq.read_metadata(tmp_path / "a.parquet").row_group(0)
    columns = {column.path_in_schema: column for column in map(group.column, range(group.num_columns))}
    assert columns["id"].statistics.min == "a"
    assert not columns["text"].is_stats_set


def test_a_table_writer_without_rows_leaves_no_file(tmp_path: Path) -> None:
    with TableWriter(tmp_path / "q.parquet", QUARANTINE_SCHEMA):
        pass
    assert not (tmp_path / "q.parquet").exists()
