"""Withdrawn sources: left out by document id, own id or uri, counted, and their text kept nowhere."""

import json
from pathlib import Path

import pytest

from data.collect.collect import collect_shard, plan_shards
from data.collect.config import CollectConfig
from data.collect.withdrawn import read_withdrawn, withdrawn_path
from data.documents import document_id
from data.sources.config import SourceConfig
from data.tables import read_table

RECORDS = [{"text": f"Text of page {n}.", "url": f"http://e.org/{n}", "key": n, "title": f"Page {n}"} for n in range(6)]


def collect(base: Path, lines: list[str]) -> tuple[dict, list[dict], list[dict], bytes]:
    content = "".join(json.dumps(record) + "\n" for record in RECORDS) + '{"text": "broken\n'
    (base / "a.jsonl").write_text(content)
    (base / "withdrawn.txt").write_text("\n".join(lines))
    fields = {"uri_field": "url", "id_field": "key", "meta_fields": ["title"]}
    config = CollectConfig(sources=[SourceConfig(name="s", path="a.jsonl", **fields)], withdrawn="withdrawn.txt")
    (shard,) = plan_shards(config, base)
    out = base / "out"
    out.mkdir()
    counts = collect_shard(out, shard, config)
    rejected = read_table(out / "rejected.parquet").to_pylist() if (out / "rejected.parquet").exists() else []
    kept = read_table(out / "documents-00000.parquet").to_pylist()
    return counts, kept, rejected, b"".join(path.read_bytes() for path in sorted(out.iterdir()))


def place(number: int) -> str:
    return f"a.jsonl#{sum(len(json.dumps(record)) + 1 for record in RECORDS[:number])}"


def test_documents_are_left_out_by_each_of_their_names(tmp_path: Path) -> None:
    names = ["# taken back", "", "http://e.org/1", "  4  ", document_id("s", place(2)), "no such", place(6)]
    counts, kept, rejected, _ = collect(tmp_path, names)
    assert [row["text"] for row in kept] == [f"Text of page {n}." for n in (0, 3, 5)]
    assert counts["dropped"] == {"withdrawn": 4} and counts["quarantined"] == 0
    assert counts["bytes_dropped"]["withdrawn"] == sum(len(json.dumps(RECORDS[n])) for n in (1, 2, 4)) + len(
        '{"text": "broken'
    )
    assert [(row["id"], row["uri"]) for row in rejected] == [
        (document_id("s", place(1)), "http://e.org/1"),
        (document_id("s", place(2)), "http://e.org/2"),
        (document_id("s", place(4)), "http://e.org/4"),
        (document_id("s", place(6)), place(6)),  # a record that cannot be read, by its place
    ]
    assert {(row["rule"], row["text"], row["meta"]) for row in rejected} == {("withdrawn", "", "{}")}


def test_nothing_of_a_withdrawn_text_is_written(tmp_path: Path) -> None:
    *_, written = collect(tmp_path, [f"http://e.org/{n}" for n in range(6)] + [place(6)])
    # Short strings in a row group are stored as they are, whatever the compression.
    assert b"Text of" not in written and b"Page" not in written and b"broken" not in written


def test_comments_byte_order_marks_and_crlf(tmp_path: Path) -> None:
    (tmp_path / "w.txt").write_bytes(b"\xef\xbb\xbfone\r\n# two\r\n\r\n cafe\xcc\x81 \r\nhttp://e.org/a#b")
    assert read_withdrawn(tmp_path / "w.txt") == {"one", "caf\u00e9", "http://e.org/a#b"}


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    config = CollectConfig(sources=[SourceConfig(name="s", path="a.txt")], withdrawn="none.txt")
    with pytest.raises(ValueError, match=r"^withdrawn: there is no file 'none.txt'"):
        plan_shards(config, tmp_path)
    (tmp_path / "none.txt").write_bytes(b"\xff\xfe")
    for read in (lambda: plan_shards(config, tmp_path), lambda: withdrawn_path("none.txt", tmp_path)):
        with pytest.raises(ValueError, match=r"^withdrawn: none.txt is not UTF-8.* at byte 0$"):
            read()
