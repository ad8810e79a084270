"""Collect: every format, every kind of damage, and identities that do not depend on how the work is cut."""

import bz2
import gzip
import json
import lzma
import tracemalloc
import zipfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from pydantic import ValidationError

from data.collect.collect import collect_shard, list_files, plan_shards
from data.collect.config import CollectConfig
from data.documents import EXCERPT_CHARACTERS, SCHEMA, document_id
from data.profile import Profile
from data.sources.config import SourceConfig
from data.tables import read_table


def collect(base: Path, out: Path, **source: object) -> tuple[dict, list[dict], list[dict], list[dict]]:
    """Counts, documents, rejected and quarantined of the only shard of a source called s."""
    limits = {name: source.pop(name) for name in ("shard_mb", "max_record_mb", "normalise") if name in source}
    config = CollectConfig(sources=[SourceConfig(name="s", **source)], **limits)
    (shard,) = plan_shards(config, base)
    out.mkdir()
    counts = collect_shard(out, shard, config)
    tables = [[row for path in sorted(out.glob(f"{name}*")) for row in read_table(path).to_pylist()] for name in TABLES]
    assert counts["documents_in"] == counts["documents_out"] + sum(counts["dropped"].values()) + counts["quarantined"]
    assert [counts["documents_out"], sum(counts["dropped"].values()), counts["quarantined"]] == [len(t) for t in tables]
    return counts, *tables


TABLES = ("documents-", "rejected", "quarantine")
LINES = [json.dumps({"text": f"Document number {n}.", "n": n}).encode() for n in range(2000)]


def offset_of(number: int) -> int:
    return sum(len(line) + 1 for line in LINES[:number])


UNIT = {"": "", ".gz": "", ".bz2": "32+", ".xz": "", ".zst": "0+"}  # where the first block or frame begins
COMPRESS = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstandard.compress}


@pytest.mark.parametrize("suffix", UNIT)
def test_json_lines_plain_and_compressed_have_the_same_documents(tmp_path: Path, suffix: str) -> None:
    content = b"\n".join(LINES)  # without a newline at the end
    (tmp_path / f"a.jsonl{suffix}").write_bytes(COMPRESS.get(suffix, bytes)(content))
    counts, documents, *_ = collect(tmp_path, tmp_path / "out", path="*.jsonl*", meta_fields=["n"], license="CC0-1.0")
    assert [row["text"] for row in documents] == [json.loads(line)["text"] for line in LINES]
    assert documents[7]["id"] == document_id("s", f"a.jsonl{suffix}#{UNIT[suffix]}{offset_of(7)}")
    assert json.loads(documents[7]["meta"]) == {"n": 7}
    assert counts["licenses"] == {"CC0-1.0": 2000}
    assert counts["bytes_in"] == sum(map(len, LINES))
    assert counts["bytes_by_source"] == {"s": sum(len(row["text"]) for row in documents)}


@pytest.mark.parametrize("suffix", COMPRESS)
def test_several_members_in_one_file_are_one_stream(tmp_path: Path, suffix: str) -> None:
    members = [COMPRESS[suffix](b"\n".join(LINES[n : n + 10]) + b"\n") for n in range(0, 40, 10)]
    (tmp_path / f"a.jsonl{suffix}").write_bytes(b"".join(members))
    _, documents, _, quarantine = collect(tmp_path, tmp_path / "out", path=f"a.jsonl{suffix}")
    assert [row["text"] for row in documents] == [json.loads(line)["text"] for line in LINES[:40]] and not quarantine
    begin = sum(map(len, members[:3]))  # of the member with record 39
    in_member = offset_of(39) - offset_of(30)
    place = {".zst": f"{begin}+{in_member}", ".bz2": f"{8 * (begin + 4)}+{in_member}"}.get(suffix, str(offset_of(39)))
    assert documents[39]["uri"] == f"a.jsonl{suffix}#{place}"


@pytest.mark.parametrize("suffix", COMPRESS)
def test_of_a_truncated_file_what_can_be_read_comes_through_and_the_rest_is_named(tmp_path: Path, suffix: str) -> None:
    noise = [json.dumps({"text": str(hash_text) * 60}).encode() for hash_text in map(document_ids, range(1500))]
    packed = COMPRESS[suffix](b"\n".join(noise))
    (tmp_path / f"a.jsonl{suffix}").write_bytes(packed[: len(packed) * 2 // 3])
    (tmp_path / "b.jsonl").write_bytes(LINES[0])
    counts, documents, _, quarantine = collect(tmp_path, tmp_path / "out", path="*.jsonl*")
    assert 400 < counts["documents_out"] < 1450
    assert documents[-1]["text"] == "Document number 0."  # the next file is not affected
    (lost,) = quarantine
    read = counts["documents_out"] - 1
    if suffix != ".bz2":
        assert lost["locator"] == f"a.jsonl{suffix}#{UNIT[suffix]}{sum(len(line) + 1 for line in noise[:read])}"
    assert lost["excerpt"] and noise[read].decode().startswith(lost["excerpt"])
    assert "truncated" in lost["error"] and "the rest of the file cannot be read" in lost["error"]


def document_ids(number: int) -> str:
    return document_id("noise", str(number))


def test_an_error_is_as_short_as_an_excerpt(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.epub", "w") as book:
        book.writestr("META-INF/container.xml", f'<container><rootfile full-path="{"x" * 10_000}"/></container>')
    _, _, _, (lost,) = collect(tmp_path, tmp_path / "out", path="a.epub")
    assert lost["error"].startswith("there is no xxx") and len(lost["error"]) == EXCERPT_CHARACTERS


@pytest.mark.parametrize("suffix", COMPRESS)
def test_rubbish_behind_and_instead_of_compressed_data_is_quarantined(tmp_path: Path, suffix: str) -> None:
    (tmp_path / f"a.jsonl{suffix}").write_bytes(COMPRESS[suffix](LINES[0] + b"\n") + b"rubbish, and quite some of it")
    (tmp_path / f"b.jsonl{suffix}").write_bytes(b"this was never compressed at all")
    (tmp_path / f"c.txt{suffix}").write_bytes(b"nor was this, and it is long enough")
    _, documents, _, quarantine = collect(tmp_path, tmp_path / "out", path="*.*")
    assert len(documents) == 1
    assert [row["locator"].partition(suffix)[0] for row in quarantine] == ["a.jsonl", "b.jsonl", "c.txt"]


def test_broken_records_are_quarantined_one_by_one_and_good_ones_come_through(tmp_path: Path) -> None:
    lines = [
        b'\xef\xbb\xbf{"text": "first"}',  # a byte order mark
        b'{"text": "broken',
        b'{"text": "\xff\xfe"}',
        b"[1, 2]",
        b'{"text": 3}',
        b'{"other": "no text"}',
        b'{"text": null}',
        b'{"text": "bad licence", "license": 7}',
        b'{"text": ' + b"[" * 100_000,
        b"",
        b'{"text": " \\n "}',
        b'{"text": "last \\ud800", "license": "MIT"}',
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\r\n".join(lines))
    counts, documents, rejected, quarantine = collect(
        tmp_path, tmp_path / "out", path="a.jsonl", license_field="license"
    )
    assert [row["text"] for row in documents] == ["first", "last \ufffd"]
    assert [row["license"] for row in documents] == ["unknown", "MIT"]
    assert [(row["rule"], row["uri"]) for row in rejected] == [
        ("empty", f"a.jsonl#{sum(len(x) + 2 for x in lines[:10])}")
    ]
    assert counts["dropped"] == {"empty": 1}
    errors = [row["error"] for row in quarantine]
    expected = ["invalid JSON", "invalid UTF-8", "not a JSON object", "not a string but int", "missing", "missing"]
    assert all(part in error for part, error in zip(expected, errors, strict=False)), errors
    assert "'license'" in errors[6] and "nested too deeply" in errors[7] and len(errors) == 8
    assert quarantine[0]["excerpt"] == '{"text": "broken' and all(len(row["excerpt"]) <= 500 for row in quarantine)


def test_an_oversize_record_is_quarantined_without_being_held(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.jsonl.gz", "wb", compresslevel=1) as file:
        file.write(LINES[0] + b'\n{"text": "')
        for _ in range(100):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n' + LINES[1] + b"\n")
    with zstandard.open(tmp_path / "b.txt.zst", "wb") as file:
        for _ in range(100):
            file.write(b"y" * (1 << 20))
    tracemalloc.start()
    _, documents, _, quarantine = collect(tmp_path, tmp_path / "out", path=["a.jsonl.gz", "b.txt.zst"], max_record_mb=1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [row["text"] for row in documents] == ["Document number 0.", "Document number 1."]
    assert [row["locator"] for row in quarantine] == [f"a.jsonl.gz#{len(LINES[0]) + 1}", "b.txt.zst#0"]
    assert all("max_record_mb" in row["error"] for row in quarantine)
    assert peak < 80 << 20


def test_parquet_rows_and_what_is_wrong_with_them(tmp_path: Path) -> None:
    pq.write_table(
        pa.table({"body": ["one", None, "three"], "url": ["http://a", None, "http://c"]}), tmp_path / "a.parquet"
    )
    pq.write_table(pa.table({"other": [1, 2]}), tmp_path / "b.parquet")
    pq.write_table(pa.table({"body": [1, 2]}), tmp_path / "c.parquet")
    (tmp_path / "d.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-20])
    pq.write_table(pa.table({"body": ["x" * (2 << 20), "end"]}), tmp_path / "e.parquet")
    invalid = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0\4\0\0\0"), pa.py_buffer(b"\xff\xfeok")]
    )
    pq.write_table(pa.table({"body": invalid}), tmp_path / "f.parquet")
    _, documents, _, quarantine = collect(
        tmp_path, tmp_path / "out", path="*.parquet", text_field="body", uri_field="url", max_record_mb=1
    )
    assert [(row["text"], row["uri"]) for row in documents] == [
        ("one", "http://a"),
        ("three", "http://c"),
        ("end", "e.parquet#1"),
        ("ok", "f.parquet#1"),
    ]
    assert documents[1]["id"] == document_id("s", "a.parquet#2")
    locators = ["a.parquet#1", "b.parquet#0", "c.parquet#0", "c.parquet#1", "d.parquet#0", "e.parquet#0", "f.parquet#0"]
    assert [row["locator"] for row in quarantine] == locators
    assert "no column 'body'" in quarantine[1]["error"] and "2 rows" in quarantine[1]["error"]


def test_text_and_html_are_one_document_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "deep"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_bytes(b"\xef\xbb\xbfplain\r\ntext")
    (folder / "b.html").write_text("<html><body><nav>Menu</nav><main><p>Content of the page.</p></main></body></html>")
    (folder / "c.txt").write_bytes(b"latin \xe9")
    (folder / "d.txt").write_bytes(b"\xc3\xa9 and \xc3\xa9, broken \xff")
    (folder / ".hidden").write_text("not a document")
    counts, documents, _, quarantine = collect(tmp_path, tmp_path / "out", path="in")
    assert [row["text"] for row in documents] == ["plain\ntext", "Content of the page.", "latin é"]
    names = ("a.txt", "b.html", "c.txt")
    assert [row["id"] for row in documents] == [document_id("s", f"in/deep/{name}#0") for name in names]
    assert [row["locator"] for row in quarantine] == ["in/deep/d.txt#0"]
    assert counts["encodings"] == {"cp1252": 1}


def test_what_extractions_leave_out_is_counted_by_source_and_kind(tmp_path: Path) -> None:
    prose = "<p>The mill at the river grinds rye and wheat for the village.</p>" * 3
    page = f"<body><nav><a href='/'>Home</a></nav><main>{prose}<p hidden>no</p></main></body>"
    (tmp_path / "a.html").write_text(page)
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": page}))
    (tmp_path / "a.txt").write_text("Plain text.")
    for number, path in enumerate(("a.html", "a.jsonl")):
        counts, *_ = collect(tmp_path, tmp_path / f"out{number}", path=path, html=path == "a.jsonl")
        assert counts["left_out"] == {"s: navigation": 4, "s: hidden": 2}
    assert "left_out" not in collect(tmp_path, tmp_path / "out", path="a.txt")[0]


def test_saved_datasets_and_dataset_folders(tmp_path: Path) -> None:
    import datasets

    saved = datasets.Dataset.from_dict({"text": ["one", "two"], "n": [1, 2]})
    saved.save_to_disk(tmp_path / "saved")
    datasets.DatasetDict({"test": saved}).save_to_disk(tmp_path / "splits")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "train.jsonl").write_bytes(b"\n".join(LINES[:5]))
    for name, split, texts in (("saved", "train", 2), ("splits", "test", 2), ("folder", "train", 5)):
        counts, documents, *_ = collect(
            tmp_path, tmp_path / f"out-{name}", path=name, format="datasets", split=split, meta_fields=["n"]
        )
        assert counts["documents_out"] == texts
        assert documents[1]["id"] == document_id("s", f"{name}#1")
        written = f"../{tmp_path.name}/x/../{name}/."
        (tmp_path / "x").mkdir(exist_ok=True)
        _, documents, *_ = collect(tmp_path, tmp_path / f"again-{name}", path=written, format="datasets", split=split)
        assert documents[1]["id"] == document_id("s", f"{written}#1") and len(documents) == texts
    with pytest.raises(ValueError, match=r"no split 'train'.*test"):
        collect(tmp_path, tmp_path / "out-x", path="splits", format="datasets")
    with pytest.raises(ValueError, match=r"no column 'body'.*text_field"):
        collect(tmp_path, tmp_path / "out-y", path="saved", format="datasets", text_field="body")


def test_a_hub_dataset_needs_a_revision_and_is_one_shard(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"source s: 'someone/some' .* revision"):
        list_files([SourceConfig(name="s", path="someone/some", format="datasets")], tmp_path)
    pinned = SourceConfig(name="s", path="someone/some", format="datasets", revision="abc")
    (file,) = list_files([pinned], tmp_path)
    assert (file.path, file.absolute, file.bytes) == ("someone/some@abc", "", 0)


def test_documents_do_not_depend_on_how_the_work_is_cut(tmp_path: Path) -> None:
    for part in range(4):
        padding = [json.dumps({"text": f"{part} {n} " + "word " * 1000}).encode() for n in range(150)]
        (tmp_path / f"{part}.jsonl").write_bytes(b"\n".join(padding))
    rows, cuts = [], []
    for shard_mb in (1, 100):
        config = CollectConfig(sources=[SourceConfig(name="s", path="*.jsonl")], shard_mb=shard_mb)
        found: list[dict] = []
        shards = plan_shards(config, tmp_path)
        for shard in shards:
            out = tmp_path / f"{shard_mb}-{shard.key}"
            out.mkdir()
            collect_shard(out, shard, config)
            for path in sorted(out.glob("documents-*.parquet")):
                found += read_table(path).to_pylist()
        rows.append(found)
        cuts.append(len(shards))
    assert rows[0] == rows[1] and len(rows[0]) == 600
    assert cuts == [4, 1]
    assert len({row["id"] for row in rows[0]}) == 600


def test_a_shard_writes_several_tables_of_bounded_text(tmp_path: Path) -> None:
    rows = [json.dumps({"text": f"{n} " + "word " * 60_000}) for n in range(12)]
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    _, documents, *_ = collect(tmp_path, tmp_path / "out", path="a.jsonl.gz", shard_mb=1)
    parts = sorted((tmp_path / "out").glob("documents-*.parquet"))
    assert [path.name for path in parts] == [f"documents-{n:05d}.parquet" for n in range(4)]
    assert [read_table(path).num_rows for path in parts] == [3, 3, 3, 3]
    assert [int(row["text"].split()[0]) for row in documents] == list(range(12))


def test_two_runs_give_equal_bytes(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([*LINES, b"{broken", b'{"text": ""}']))
    for out in ("one", "two"):
        collect(tmp_path, tmp_path / out, path="a.jsonl")
    for path in sorted((tmp_path / "one").iterdir()):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
    assert len(list((tmp_path / "one").iterdir())) == 3


def test_a_source_in_which_all_is_broken_still_gives_an_empty_table(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"{broken")
    counts, *_ = collect(tmp_path, tmp_path / "out", path="a.jsonl")
    assert counts["documents_out"] == 0 and counts["quarantined"] == 1
    assert read_table(tmp_path / "out" / "documents-00000.parquet").num_rows == 0


def test_files_are_sorted_listed_once_and_named_as_in_the_recipe(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "[odd].txt"):
        (tmp_path / name).write_text(name)
    (tmp_path / "recipes").mkdir()
    config = CollectConfig(sources=[SourceConfig(name="s", path=["../*.txt", "../a.txt", "../[odd].txt"])])
    files = list_files(config.sources, tmp_path / "recipes")
    assert [file.path for file in files] == ["../[odd].txt", "../a.txt", "../b.txt"]
    assert all(Path(file.absolute).stat().st_size == file.bytes for file in files)


def test_mistakes_are_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "a.xyz").write_text("?")
    (tmp_path / "empty").mkdir()

    def listed(**source: object) -> str:
        with pytest.raises(ValueError) as caught:
            list_files([SourceConfig(name="s", **source)], tmp_path)
        message = str(caught.value)
        assert "\n" not in message
        return message

    assert "source s: path 'none/*.txt' matches no file" in listed(path="none/*.txt")
    assert "matches no file" in listed(path="empty")
    assert "source s: path 'empty' matches no file" in listed(path="empty", format="datasets")
    assert "cannot tell the format of a.xyz" in listed(path="a.xyz")
    with pytest.raises(ValidationError, match="two sources are called 's'"):
        CollectConfig(sources=[SourceConfig(name="s", path="a")] * 2)
    with pytest.raises(ValidationError, match="name"):
        SourceConfig(name="Not Good", path="a")
    with pytest.raises(ValidationError, match="names no file"):
        SourceConfig(name="s", path=[])


def test_counts_are_those_of_the_tables(tmp_path: Path) -> None:
    texts = ["a", "ab", "abc", "naïve", "x" * 1023, "x" * 1024, "国" * 5000]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    counts, documents, _, _ = collect(tmp_path, tmp_path / "out", path="a.jsonl", license="CC0-1.0")
    profile = Profile()
    profile.keep(pa.Table.from_pylist(documents, SCHEMA))
    expected = profile.counts()
    names = ("documents_out", "bytes_out", "characters_out", "documents_by_source", "bytes_by_source", "licenses")
    assert {name: counts[name] for name in names} == {name: expected[name] for name in names}
    assert counts["lengths_out"] == expected["lengths_out"]
    assert sum(counts["lengths_out"].values()) == len(texts)


@pytest.mark.long
def test_a_hundred_thousand_small_files_are_packed_into_shards_of_the_size(tmp_path: Path) -> None:
    for number in range(100_000):
        folder = tmp_path / "in" / f"{number % 100:02d}"
        if number < 100:
            folder.mkdir(parents=True)
        (folder / f"{number}.txt").write_text(f"Document {number}. " + "word " * 15)
    config = CollectConfig(sources=[SourceConfig(name="s", path="in")], shard_mb=1)
    shards = plan_shards(config, tmp_path)
    sizes = [sum(part.file.bytes for part in shard.parts) for shard in shards]
    assert sum(len(shard.parts) for shard in shards) == 100_000
    assert max(sizes) <= 1 << 20 and min(sizes[:-1]) > (1 << 20) - 200  # bytes of a file
    out = tmp_path / "out"
    out.mkdir()
    counts = collect_shard(out, shards[-1], config)
    assert counts["documents_out"] == len(shards[-1].parts)
