"""Readers of lines and of columns: what they make of odd values, and the limits that they keep."""

import bz2
import gzip
import json
import lzma
import math
import random
import zipfile
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data.collect.collect import collect_shard, plan_shards
from data.collect.config import CollectConfig
from data.collect.fields import Document, fields_of, make_document
from data.sources.config import Format, SourceConfig, format_of
from data.sources.readers import reader
from data.sources.record import DamagedStream, Record, Unreadable
from data.sources.streams.input import BytesInput, FileInput, Input, ReadLimits
from data.sources.streams.placed_bytes import placed_bytes
from data.tables import read_table

LIMITS = ReadLimits(record_bytes=1 << 20)
COMPRESS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstandard.compress}


def read(format: Format, input: Input, limits: ReadLimits = LIMITS, **source: object) -> list[Record | Unreadable]:
    return list(reader(format)(input, SourceConfig(name="s", path="*", **source), limits))


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300)
@given(st.dictionaries(st.text(max_size=5), JSON_VALUES, max_size=4), st.booleans())
@example({"n": 10**30}, True)
@example({"n": -(2**64)}, True)
@example({"n": math.nan, "m": -math.inf}, True)
@example({"n": "\ud800 and \udc00\ud800"}, True)
def test_json_lines_are_what_json_makes_of_them(fields: dict[str, object], ascii: bool) -> None:
    line = json.dumps(fields, ensure_ascii=ascii)
    try:
        content = line.encode()
    except UnicodeEncodeError:
        return
    (record,) = read("jsonl", BytesInput("a.jsonl", content), meta_fields=["n"])
    assert isinstance(record, Record) and repr(record.fields) == repr(json.loads(line))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'{"text": "a", "text": "b"}', "b"),  # the last one counts
        (b'{"text": "\\ud83d\\ude00"}', "\U0001f600"),
        (b'\xef\xbb\xbf{"text": "after a mark"}', "after a mark"),
        (b' \t{"text": "spaces"} \r', "spaces"),
        (b'{"text": "huge", "n": 1e999}', "huge"),
        (b'{"text": "deep", "n": ' + b"[" * 900 + b"]" * 900 + b"}", "deep"),
    ],
)
def test_odd_lines_are_read(line: bytes, expected: str) -> None:
    _, record = read("jsonl", BytesInput("a.jsonl", b'{"text": "x"}\n' + line + b"\n"))
    assert isinstance(record, Record) and record.fields["text"] == expected


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b'{"text": "tab\t"}', "invalid JSON: Invalid control character"),
        (b"{'text': 1}", "invalid JSON"),
        (b'{"text": "a"} {"text": "b"}', "invalid JSON: Extra data"),
        (b'{"n": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"text": "\xed\xa0\x80"}', "invalid UTF-8"),
        (b"3", "not a JSON object but int"),
        (b"NaN", "not a JSON object but float"),
        (b'{"text": "' + b"x" * (1 << 20) + b'"}', "max_record_mb"),
    ],
)
def test_what_is_no_record_is_named(line: bytes, error: str) -> None:
    before, lost, after = read("jsonl", BytesInput("a.jsonl", b"{}\n" + line + b"\n{}"))
    assert isinstance(lost, Unreadable) and error in lost.error and len(lost.excerpt) <= 2000
    assert lost.place == "3" and lost.bytes == len(line)
    assert isinstance(before, Record) and isinstance(after, Record)


def test_json_nested_deeper_than_meta_can_be_written_is_quarantined() -> None:
    source = SourceConfig(name="s", path="*", meta_fields=["n"])
    line = b'{"text": "deep", "n": ' + b"[" * 970 + b"]" * 970 + b"}"
    for record in reader("jsonl")(BytesInput("a.jsonl", line), source, LIMITS):
        found = make_document("id", "a#0", record, fields_of(source, "jsonl"), source, "nfc")
        assert isinstance(found, Unreadable) and "nested too deeply" in found.error


def test_meta_is_json_whatever_the_values() -> None:
    source = SourceConfig(name="s", path="*", meta_fields=["n", "when"], id_field="key", date_field="day")
    values = {"n": [math.nan, {"a": math.inf}], "when": datetime(2020, 1, 2), "key": 10**30, "day": "2020", "text": "t"}
    found = make_document("id", "a#0", Record("0", values, 1), fields_of(source, "parquet"), source, "nfc")
    assert isinstance(found, Document)
    assert json.loads(found.meta, parse_constant=pytest.fail) == {
        "n": [None, {"a": None}], "when": "2020-01-02 00:00:00", "id": 10**30, "date": "2020"
    }  # fmt: skip


def test_formats_without_fields_have_fixed_ones() -> None:
    source = SourceConfig(name="s", path="*")
    values = {"text": "t", "uri": "http://e.org", "date": "2020-01-02", "title": "T", "id": "7", "language": "en"}
    found = make_document("id", "a#0", Record("0", values, 1), fields_of(source, "warc"), source, "nfc")
    assert isinstance(found, Document) and found.uri == "http://e.org"
    assert json.loads(found.meta) == {"date": "2020-01-02", "title": "T", "id": "7", "language": "en"}
    found = make_document("id", "a#0", Record("0", values, 1), fields_of(source, "jsonl"), source, "nfc")
    assert isinstance(found, Document) and (found.uri, found.meta) == ("a#0", "{}")


def test_names_of_fields_are_those_of_formats_that_have_some(tmp_path: Path) -> None:
    (tmp_path / "c.wet").write_bytes(
        b"WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://e.org/page\r\nWARC-Date: 2024-05-01T00:00:00Z\r\n"
        b"WARC-Record-ID: <urn:uuid:1>\r\nContent-Type: text/plain\r\nContent-Length: 9\r\n\r\nwet text.\r\n\r\n"
    )
    (tmp_path / "a.jsonl").write_text('{"text": "row", "url": "http://e.org/row", "key": 7, "day": "2020"}')
    fields = {"uri_field": "url", "id_field": "key", "date_field": "day"}
    config = CollectConfig(sources=[SourceConfig(name="s", path=["c.wet", "a.jsonl"], **fields)])
    (shard,) = plan_shards(config, tmp_path)
    assert collect_shard(tmp_path, shard, config)["documents_out"] == 2
    row, page = read_table(tmp_path / "documents-00000.parquet").to_pylist()
    assert (row["uri"], json.loads(row["meta"])) == ("http://e.org/row", {"id": 7, "date": "2020"})
    assert page["uri"] == "http://e.org/page"
    assert json.loads(page["meta"]) == {"date": "2024-05-01T00:00:00Z", "id": "<urn:uuid:1>"}


def test_a_field_may_hold_html() -> None:
    page = "<html><body><nav>Menu</nav><main><p>Content of the page.</p></main></body></html>"
    for extractor in ("resiliparse", "trafilatura"):
        source = SourceConfig(name="s", path="*", html=True, extractor=extractor)
        found = make_document("id", "a#0", Record("0", {"text": page}, 1), fields_of(source, "jsonl"), source, "nfc")
        assert isinstance(found, Document) and found.text.endswith(b"Content of the page.") and b"<" not in found.text


def test_what_is_in_an_archive_has_the_fields_of_its_own_format(tmp_path: Path) -> None:
    page = "<html><head><title>Name</title></head><body><main><p>Content of the page.</p></main></body></html>"
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x/page.html", page)
        archive.writestr("rows.jsonl", '{"text": "row", "uri": 7, "title": "not ours"}')
    config = CollectConfig(sources=[SourceConfig(name="s", path="a.zip")])
    (shard,) = plan_shards(config, tmp_path)
    assert collect_shard(tmp_path, shard, config)["documents_out"] == 2
    first, second = read_table(tmp_path / "documents-00000.parquet").to_pylist()
    assert (first["uri"], json.loads(first["meta"])) == ("a.zip#x/page.html#0", {"title": "Name"})
    assert (second["uri"], second["meta"]) == ("a.zip#rows.jsonl#0", "{}")


@pytest.mark.parametrize("suffix", COMPRESS)
def test_a_bomb_ends_at_the_limit_of_a_file(suffix: str) -> None:
    content = b'{"text": "a"}\n' * 20_000 + b" " * (30 << 20)
    bomb = BytesInput(f"a.jsonl{suffix}", COMPRESS[suffix](content), file_bytes=1 << 20)
    found = 0
    with pytest.raises(DamagedStream, match="max_file_gb"):
        for chunk in bomb.chunks():
            found += len(chunk)
            assert len(chunk) <= 1 << 20
    assert found == 1 << 20
    records = read("jsonl", bomb, ReadLimits(1 << 20, 1 << 20))
    assert len(records) == 20_001 and "the rest of the file cannot be read: " in records[-1].error  # type: ignore[union-attr]
    assert "max_file_gb" in records[-1].error  # type: ignore[union-attr]
    (plain,) = read("text", BytesInput("a.txt", content, file_bytes=1), ReadLimits(1 << 30, 1))
    assert isinstance(plain, Record), "a plain file unpacks to nothing else"


@pytest.mark.parametrize("suffix", COMPRESS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_anywhere_is_named_and_what_stands_before_it_comes_through(suffix: str, data: st.DataObject) -> None:
    numbers = random.Random(1)
    content = b"".join(b'{"text": "%d %s"}\n' % (n, numbers.randbytes(20).hex().encode()) for n in range(300))
    packed = bytearray(COMPRESS[suffix](content))
    if data.draw(st.booleans()):
        del packed[data.draw(st.integers(0, len(packed) - 1)) :]
    else:
        packed[data.draw(st.integers(0, len(packed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    records = read("jsonl", BytesInput(f"a.jsonl{suffix}", bytes(packed)))
    texts = [record.fields["text"] for record in records if isinstance(record, Record)]
    whole = [json.loads(line)["text"] for line in content.splitlines()]
    lost = [record for record in records if isinstance(record, Unreadable)]
    if suffix in (".gz", ".bz2"):  # with a checksum over all
        assert lost or texts == whole
    if lost and len(lost) == 1 and records[-1] is lost[0] and suffix != ".zst":
        assert texts == whole[: len(texts)] or suffix == ".gz"  # gzip's checksum is at its end


def test_tail_and_padding_of_compressed_files() -> None:
    for suffix, compress in COMPRESS.items():
        if suffix != ".zst":  # as its own tool, which refuses padding
            (record,) = read("text", BytesInput(f"a.txt{suffix}", compress(b"text") + bytes(512)))
            assert isinstance(record, Record) and record.fields["text"] == "text", suffix
        (empty,) = read("text", BytesInput(f"a.txt{suffix}", compress(b"")))
        assert isinstance(empty, Record) and empty.fields["text"] == ""


@pytest.mark.parametrize("suffix", COMPRESS)
@pytest.mark.parametrize("name", ["a.txt", "a.jsonl", "a.csv", "a.html", "a.warc", "a-pages-articles.xml", "a.tar"])
def test_a_compressed_file_without_a_byte_is_truncated(name: str, suffix: str) -> None:
    format = format_of(name)
    assert format is not None
    (lost,) = read(format, BytesInput(name + suffix, b""))
    assert isinstance(lost, Unreadable) and (lost.bytes, lost.excerpt) == (0, "")
    if format in ("text", "jsonl", "csv", "html", "archive"):  # the others name what is missing at the beginning
        kind = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}[suffix]
        assert lost.error.endswith(f"the rest of the file cannot be read: truncated {kind}")


def test_a_compressed_file_of_nothing_but_padding_is_truncated() -> None:
    for suffix in (".gz", ".xz"):
        (lost,) = read("jsonl", BytesInput(f"a.jsonl{suffix}", bytes(1 << 17)))
        assert isinstance(lost, Unreadable) and "truncated" in lost.error


def test_an_xz_file_that_asks_for_much_memory_is_damaged() -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]
    compressor = lzma.LZMACompressor(lzma.FORMAT_XZ, filters=filters)
    (lost,) = read("text", BytesInput("a.txt.xz", compressor.compress(b"text") + compressor.flush()))
    assert isinstance(lost, Unreadable) and "emory" in lost.error


@pytest.mark.parametrize("content_size", [True, False])
def test_a_zstd_frame_with_a_large_window_is_named_as_such(tmp_path: Path, content_size: bool) -> None:
    long = zstandard.ZstdCompressionParameters.from_level(1, window_log=28, write_content_size=content_size)
    frames = [zstandard.compress(b"one\n"), b""]
    for size in (10, (130 << 20) + 1):  # of a small file with a known size the window is no larger than that
        compressor = zstandard.ZstdCompressor(compression_params=long).compressobj(size if content_size else -1)
        frames[1] = b"".join(compressor.compress(bytes(1 << 20)[: size - at]) for at in range(0, size, 1 << 20))
        frames[1] += compressor.flush()
        if size == 10 and content_size:
            texts = read("text", BytesInput("a.txt.zst", b"".join(frames)))
            assert len(texts) == 1 and isinstance(texts[0], Record)
    needed = 131 if content_size else 256
    error = f"the frame at byte {len(frames[0])} needs a window of {needed} MB, more than the 128 MB that are allowed: "
    for format, documents in (("text", "file"), ("text", "line"), ("html", "file")):
        *_, lost = read(format, BytesInput("a.txt.zst", b"".join(frames)), documents=documents)
        assert isinstance(lost, Unreadable) and "corrupt" not in lost.error
        assert error in lost.error and "recompress it without --long" in lost.error


def test_places_in_gzip_and_xz_are_offsets() -> None:
    for suffix in (".gz", ".xz"):
        found = list(placed_bytes(BytesInput(f"a{suffix}", COMPRESS[suffix](bytes(3 << 20))), 1 << 30))
        assert [piece.place(5) for piece in found][:2] == ["5", str(len(found[0].data) + 5)]


ROWS = ["one", None, "three \U0001f600", "x" * 2000, ""]


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())]
)
def test_arrow_files_and_streams_of_all_kinds_of_strings(kind: pa.DataType) -> None:
    column = pa.array(ROWS, pa.string()).cast(kind)
    table = pa.table({"text": column, "n": [1, 2, 3, 4, 5], "other": [[1]] * 5})
    for new in (pa.ipc.new_file, pa.ipc.new_stream):
        sink = pa.BufferOutputStream()
        with new(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=2)
        records = read(
            "arrow", BytesInput("a.arrow", sink.getvalue().to_pybytes()), ReadLimits(1000), meta_fields=["n"]
        )
        assert [record.place for record in records] == ["0+0", "0+1", "1+0", "1+1", "2+0"]
        texts = [str(record.fields["text"]) for record in records if isinstance(record, Record)]
        assert texts == ["one", "None", "three \U0001f600", ""]
        assert isinstance(records[3], Unreadable) and "max_record_mb" in records[3].error and records[3].bytes == 2000
        assert records[4].fields["n"] == 5 and "other" not in records[4].fields  # type: ignore[union-attr]
    (lost,) = read("arrow", BytesInput("a.arrow", sink.getvalue().to_pybytes()), text_field="body")
    assert isinstance(lost, Unreadable) and "no column 'body'" in lost.error


def test_damaged_arrow_files() -> None:
    table = pa.table({"text": ["a" * 50] * 1000})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=100)
    content = sink.getvalue().to_pybytes()
    for broken in (content[:-30], content[:100], b"", b"rubbish" * 100):
        *records, lost = read("arrow", BytesInput("a.arrow", broken))
        assert isinstance(lost, Unreadable) and lost.error.startswith("the rest of the file cannot be read: ")
        assert all(isinstance(record, Record) for record in records)


def test_a_damaged_batch_does_not_hide_that_the_text_is_missing() -> None:
    table = pa.table({"text": ["a" * 50] * 30})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table, max_chunksize=10)
    content = bytearray(sink.getvalue().to_pybytes())
    frame = content.index(b"\x28\xb5\x2f\xfd")  # where zstd begins
    content[frame : frame + 4] = b"\xff" * 4
    damaged, *records = read("arrow", BytesInput("a.arrow", bytes(content)))
    assert isinstance(damaged, Unreadable) and damaged.error.startswith("record batch 0 cannot be read")
    assert [record.place for record in records] == [f"{batch}+{row}" for batch in (1, 2) for row in range(10)]
    damaged, missing = read("arrow", BytesInput("a.arrow", bytes(content)), text_field="body")
    assert isinstance(missing, Unreadable) and "no column 'body'" in missing.error


def test_a_damaged_page_costs_its_row_group(tmp_path: Path) -> None:
    table = pa.table({"text": [f"{n} " + "x" * 50 for n in range(1000)]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=250, compression="zstd", use_dictionary=False)
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    second = pq.read_metadata(tmp_path / "a.parquet").row_group(1).column(0)
    begin = second.data_page_offset + 30
    content[begin : begin + 60] = b"\xff" * 60
    (tmp_path / "a.parquet").write_bytes(content)
    records = read("parquet", FileInput("a.parquet", str(tmp_path / "a.parquet")))
    (lost,) = [record for record in records if isinstance(record, Unreadable)]
    assert "the rest of row group 1 cannot be read" in lost.error and 250 <= int(lost.place) < 500
    assert [str(record.fields["text"]) for record in records if isinstance(record, Record)][-500:] == table[
        "text"
    ].to_pylist()[500:]


def test_formats_by_name() -> None:
    for name, expected in {
        "a.txt": "text", "a.MD.gz": "text", "a.markdown": "text", "x/a.ndjson.zst": "jsonl", "a.tsv.bz2": "csv",
        "a.feather": "arrow", "a.xhtml": "html", "a.epub": "epub", "a.warc.gz": "warc", "a.wet.gz": "warc",
        "enwiki-20240101-pages-articles-multistream.xml.bz2": "wikipedia", "enwiki-latest-pages-articles1.xml": "wikipedia",
        "a.tar.gz": "archive", "a.tgz": "archive", "a.zip": "archive", "a.tar.zst": "archive", "a.xml": None, "a": None,
        "a.gz": None, ".txt": None,
    }.items():  # fmt: skip
        assert format_of(name) == expected, name
