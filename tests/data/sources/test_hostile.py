"""Nothing that a document contains stops a stage: it is counted with its reason, and its good neighbours come through."""

import bz2
import gzip
import io
import json
import lzma
import subprocess
import sys
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from data.clean.clean import clean_shard
from data.clean.config import CleanConfig
from data.collect.collect import collect_shard, plan_shards
from data.collect.config import CollectConfig
from data.documents import SCHEMA
from data.sources.config import SourceConfig
from data.tables import read_table, write_table

GOOD = "The harbour was quiet, and the boats lay in the mud until the water came back."
PAGE = f"<html><body><main><h1>Harbour</h1><p>{GOOD}</p></main></body></html>".encode()
LINE = json.dumps({"text": GOOD}).encode() + b"\n"
ROW = f'"{GOOD}"\n'.encode()
WIKI_HEAD = b'<mediawiki xml:lang="en">\n<siteinfo><base>https://wiki.example.org/wiki/Main</base></siteinfo>\n'
CONTAINER = '<container><rootfiles><rootfile full-path="p.opf"/></rootfiles></container>'
PACKAGE = (
    '<package><manifest><item id="a" href="a.xhtml" media-type="text/html"/></manifest>'
    '<spine><itemref idref="a"/></spine></package>'
)
DEEP = b"<html><body>" + b"<div>" * 100_000 + b"words" + b"</div>" * 100_000 + b"</body></html>"


def wiki_page(text: str, number: int = 1) -> bytes:
    revision = f"<revision><id>1</id><text>{text}</text></revision>"
    return f"<page><title>P</title><ns>0</ns><id>{number}</id>{revision}</page>\n".encode()


def wiki(*pages: bytes) -> bytes:
    return WIKI_HEAD + b"".join(pages) + b"</mediawiki>"


def warc(body: bytes, length: int | None = None, kind: bytes = b"text/html") -> bytes:
    content = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n\r\n%s" % (kind, body)
    head = b"WARC/1.0\r\nWARC-Type: response\r\nContent-Type: application/http\r\nContent-Length: %d\r\n\r\n"
    return head % (len(content) if length is None else length) + content + b"\r\n\r\n"


def make_zip(*files: tuple[str, bytes | str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
    return file.getvalue()


def make_tar(*files: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def epub(chapter: bytes) -> bytes:
    return make_zip(("META-INF/container.xml", CONTAINER), ("p.opf", PACKAGE), ("a.xhtml", chapter))


def parquet(**columns: list) -> bytes:
    return parquet_of(pa.table(columns))


def parquet_of(table: pa.Table) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file)
    return file.getvalue()


def arrow(**columns: list) -> bytes:
    return arrow_of(pa.table(columns))


def arrow_of(table: pa.Table) -> bytes:
    file = io.BytesIO()
    with pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return file.getvalue()


WHOLE = {  # a good file of every format, with how often GOOD is in it
    "good.txt": GOOD.encode(),
    "good.jsonl": LINE,
    "good.csv": b"text\n" + ROW,
    "good.parquet": parquet(text=[GOOD]),
    "good.arrow": arrow(text=[GOOD]),
    "good.html": PAGE,
    "good.epub": epub(PAGE),
    "good.warc": warc(PAGE),
    "good-pages-articles.xml": wiki(wiki_page(GOOD)),
    "good.zip": make_zip(("good.txt", GOOD)),
    "good.tar": make_tar(("good.txt", GOOD.encode())),
}


def collect(base: Path, files: dict[str, bytes], good: int, errors: list[str], **source: object) -> None:
    """Collect `files` and a good file behind them: `good` documents are GOOD, and the quarantined have `errors` in theirs."""
    limits = {name: source.pop(name) for name in ("max_record_mb", "max_file_gb") if name in source}
    for name, content in (files | {"zz.jsonl": LINE}).items():
        (base / name).write_bytes(content)
    config = CollectConfig(sources=[SourceConfig(name="s", path=[*files, "zz.jsonl"], **source)], **limits)
    shards = plan_shards(config, base)
    begin = time.perf_counter()
    texts, found = [], []
    for number, shard in enumerate(shards):
        out = base / f"out{number}"
        out.mkdir()
        counts = collect_shard(out, shard, config)
        assert counts["documents_in"] == counts["documents_out"] + counts["quarantined"] + sum(
            counts["dropped"].values()
        )
        texts += list(rows(out, "documents-*"))
        found += list(rows(out, "quarantine*"))
    assert [GOOD in row["text"] for row in texts] == [True] * (good + 1)
    assert len(found) == len(errors), [row["error"] for row in found]
    for row, error in zip(found, errors, strict=True):
        assert error in row["error"] and len(row["excerpt"]) <= 500 and row["locator"]
    assert time.perf_counter() - begin < 20


def rows(folder: Path, pattern: str) -> Iterator[dict]:
    for path in sorted(folder.glob(pattern)):
        yield from read_table(path).to_pylist()


@pytest.mark.parametrize(
    ("name", "content", "good"),
    [
        ("a.html", DEEP, 0),
        ("a.epub", epub(DEEP), 0),
        ("a.warc", warc(PAGE) + warc(DEEP) + warc(PAGE), 2),
        ("a.zip", make_zip(("1.html", PAGE), ("2.html", DEEP), ("3.html", PAGE)), 2),
    ],
)
def test_a_hundred_thousand_nested_tags(tmp_path: Path, name: str, content: bytes, good: int) -> None:
    collect(tmp_path, {name: content}, good, ["nested"])


def test_nested_tags_in_a_field_and_nested_markup(tmp_path: Path) -> None:
    line = json.dumps({"text": DEEP.decode()}).encode() + b"\n"
    page = json.dumps({"text": PAGE.decode()}).encode() + b"\n"
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    collect(tmp_path / "one", {"a.jsonl": page + line + page}, 2, ["nested"], html=True)
    deep = [wiki_page(opened * 100_000) for opened in ("{{a|", "[[a|")] + [
        wiki_page("x").replace(b"<ns>", b"<ns>" * 100_000)
    ]
    content = wiki(wiki_page(GOOD), *deep, wiki_page(GOOD, 2))
    collect(tmp_path / "two", {"a-pages-articles.xml": content}, 2, ["nested", "nested", "mismatched tag"])


NUL = {
    "a.txt": (b"\0" * 1000 + GOOD.encode() + b"\0" * 1000, 1, []),
    "a.jsonl": (
        LINE + b'{"text": "\0"}\n' + LINE + b"\0\n" + LINE.replace(b"The", b"\\u0000The"),
        3,
        ["invalid JSON"] * 2,
    ),
    "a.csv": (b"text\n" + ROW + ROW.replace(b"The", b"\0The") + ROW, 3, []),
    "a.html": (PAGE.replace(b"<p>", b"\0<p>\0"), 1, []),
    "a.warc": (warc(PAGE) + b"\0" * 5000 + warc(b"\0" * 99 + GOOD.encode(), kind=b"text/plain"), 2, ["no WARC record"]),
    "a-pages-articles.xml": (
        wiki(wiki_page(GOOD), wiki_page("a\0b"), wiki_page(GOOD, 2)),
        2,
        ["not well-formed (invalid token)"],
    ),
    "a.parquet": (parquet(text=[f"\0{GOOD}\0"]), 1, []),
    "a.tar": (make_tar(("a.txt", GOOD.encode())) + b"\0" * 99999, 1, []),
}


@pytest.mark.parametrize("name", NUL)
def test_nul_bytes(tmp_path: Path, name: str) -> None:
    content, good, errors = NUL[name]
    collect(tmp_path, {name: content}, good, errors)


MIXED = "Schöne Grüße aus Köln".encode("latin-1") + b" \xff\xfe " + GOOD.encode()


@pytest.mark.parametrize(
    ("name", "content", "good", "errors"),
    [
        ("a.txt", GOOD.encode() + MIXED, 1, []),  # read as Latin-1
        ("a.jsonl", LINE + b'{"text": "' + MIXED + b'"}\n' + LINE, 2, ["invalid UTF-8"]),
        ("a.csv", b"text\n" + ROW + b'"' + MIXED + b'"\n' + ROW, 2, ["invalid UTF-8"]),
        ("a.html", PAGE.replace(b"<p>", b"<p>" + MIXED), 1, []),  # browsers guess; so do we
        (
            "a-pages-articles.xml",
            wiki(wiki_page(GOOD), wiki_page("x").replace(b"x", MIXED), wiki_page(GOOD)),
            2,
            ["invalid token"],
        ),
        ("a.zip", make_zip(("1.txt", GOOD), ("2.txt", MIXED), ("3.txt", GOOD)), 3, []),
    ],
)
def test_mixed_encodings(tmp_path: Path, name: str, content: bytes, good: int, errors: list[str]) -> None:
    collect(tmp_path, {name: content}, good, errors)


def test_json_of_the_wrong_types(tmp_path: Path) -> None:
    wrong = [
        b"[]",
        b"7",
        b'"text"',
        b"null",
        b'{"text": 7}',
        b'{"text": {"a": 1}}',
        b'{"text": null}',
        b'{"t": ""}',
        b"{",
    ]
    wrong += [b"[" * 100_000, b'{"text":' * 100_000, b'{"text": ' + b"9" * 100_000 + b"}"]
    errors = ["not a JSON object but list", "but int", "but str", "but NoneType", "is not a string but int"]
    errors += [
        "is not a string but dict",
        "is missing",
        "is missing",
        "invalid JSON",
        "invalid JSON",
        "invalid JSON",
        "",
    ]
    collect(tmp_path, {"a.jsonl": LINE + b"\n".join(wrong) + b"\n" + LINE}, 2, errors)


def bomb(suffix: str) -> bytes:
    """200 MB of zeros in some kilobytes, between two good lines."""
    compress = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress, ".zst": zstandard.compress}[suffix]
    return compress(LINE) + compress(b"0" * 10_000_000) * 20 + compress(b"\n" + LINE)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_a_bomb_in_one_line(tmp_path: Path, suffix: str) -> None:
    collect(tmp_path, {f"a.jsonl{suffix}": bomb(suffix)}, 2, ["the record has 200000000 bytes"], max_record_mb=1)


def test_bombs_as_whole_documents(tmp_path: Path) -> None:
    zeros = gzip.compress(b"0" * 50_000_000)
    files = dict.fromkeys(("a.txt.gz", "a.html.gz", "a.csv.gz"), zeros)
    files |= {"a.zip": make_zip(("1.txt", GOOD), ("2.txt", b"0" * 50_000_000), ("3.txt.gz", zeros), ("4.txt", GOOD))}
    files |= {"b.epub": epub(b"0" * 50_000_000)}
    errors = [
        "header row: the record has 50000001 bytes",
        "50000000 bytes",
        "50000000 bytes",
        "50000000 bytes",
        "50000000 bytes",
    ]
    collect(tmp_path, dict(sorted(files.items())), 2, [*errors, "more bytes than max_record_mb"], max_record_mb=1)


def test_a_file_that_unpacks_to_more_than_a_file_may(tmp_path: Path) -> None:
    content = gzip.compress(LINE) + gzip.compress(b"0" * 100_000_000, 1) * 11  # 1.1 GB
    collect(
        tmp_path, {"a.jsonl.gz": content}, 1, ["the rest of the file cannot be read: it unpacks to more"], max_file_gb=1
    )


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.csv.gz", "a.tar.gz", "a-pages-articles.xml.gz", "a.warc.gz"])
def test_a_truncated_gzip(tmp_path: Path, name: str) -> None:
    noise = [str(7**n).encode() for n in range(100, 400)]
    lines = b"".join(b'{"text": "%s", "n": "%s"}\n' % (GOOD.encode(), piece) for piece in noise)
    content = {
        "a.jsonl.gz": lines,
        "a.csv.gz": b"text,n\n" + b"".join(b'"%s",%s\n' % (GOOD.encode(), piece) for piece in noise),
        "a.tar.gz": make_tar(("1.jsonl", LINE), ("2.jsonl", lines)),
        "a-pages-articles.xml.gz": wiki(wiki_page(GOOD), wiki_page(" ".join(map(bytes.decode, noise)), 2)),
        "a.warc.gz": warc(PAGE),
    }[name]
    packed = gzip.compress(content)
    if name == "a.warc.gz":  # as crawlers write them, a member a record
        packed += gzip.compress(warc(PAGE + b"".join(noise)))
    packed = packed[: len(packed) // 2]
    good = 1
    if name in ("a.jsonl.gz", "a.csv.gz"):
        good = zlib.decompressobj(wbits=31).decompress(packed).count(b"\n") - (name == "a.csv.gz")
        assert 50 < good < 250
    collect(tmp_path, {name: packed}, good, ["truncated gzip"])


@pytest.mark.parametrize("length", [3, 5000, 10**15])
def test_a_warc_record_with_a_false_length(tmp_path: Path, length: int) -> None:
    records = [warc(PAGE), warc(PAGE.replace(b"T", b"t"), length), warc(PAGE)]
    packed = b"".join(map(gzip.compress, records))
    error = "more than the" if length > 10**6 else "Content-Length is false"
    collect(tmp_path, {"a.warc": b"".join(records), "b.warc.gz": packed}, 4, [error] * 2)


def test_an_archive_entry_that_points_outside(tmp_path: Path) -> None:
    base = tmp_path / "in" / "side"
    base.mkdir(parents=True)
    files = ("1.txt", GOOD.encode()), ("../../evil.txt", b"x"), ("/tmp/evil.txt", b"x"), ("2.txt", GOOD.encode())
    collect(base, {"a.zip": make_zip(*files), "b.tar": make_tar(*files)}, 4, ["leads out of the archive"] * 4)
    assert not list(tmp_path.rglob("evil*"))


def test_files_without_the_text_column(tmp_path: Path) -> None:
    files = {"a.csv": b"body\nx\n", "b.parquet": parquet(body=["x"]), "c.arrow": arrow(body=["x"])}
    collect(tmp_path, files, 0, ["no column 'text', which text_field names"] * 3)


def test_files_with_two_columns_of_a_name(tmp_path: Path) -> None:
    texts = pa.table([["x"], ["y"]], names=["text", "text"])
    uris = pa.table([["x"], ["a"], ["b"]], names=["text", "uri", "uri"])
    for name in ("text", "uri"):
        (tmp_path / name).mkdir()
    files = {"a.csv": b"text,text\nx,y\n", "b.parquet": parquet_of(texts), "c.arrow": arrow_of(texts)}
    collect(tmp_path / "text", files, 0, ["more than one column is called 'text'"] * 3)
    files = {"a.parquet": parquet_of(uris), "b.arrow": arrow_of(uris)}
    collect(tmp_path / "uri", files, 0, ["more than one column is called 'uri'"] * 2, uri_field="uri")


EMPTY = {  # what is said of a file of no bytes; where nothing is, it has no records, or one without text
    "a.txt": [],
    "a.jsonl": [],
    "a.csv": ["header row"],
    "a.parquet": ["the rest of the file cannot be read"],
    "a.arrow": ["the rest of the file cannot be read"],
    "a.html": [],
    "a.epub": ["damaged zip"],
    "a.warc": ["the file is empty"],
    "a-pages-articles.xml": ["does not begin as a MediaWiki dump"],
    "a.zip": ["damaged zip"],
    "a.tar": ["no files in the archive"],
    "a.txt.xz": ["truncated xz"],
    "a.jsonl.gz": ["truncated gzip"],
    "a.jsonl.bz2": ["truncated bzip2"],
    "a.jsonl.zst": ["truncated zstd"],
    "a.tar.gz": ["truncated gzip"],
}


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_file(tmp_path: Path, name: str) -> None:
    collect(tmp_path, {name: b""}, 0, EMPTY[name])


def test_good_files_of_every_format_come_through(tmp_path: Path) -> None:
    collect(tmp_path, WHOLE, len(WHOLE), [])


MEASURE = """
import resource, sys
from pathlib import Path
from data.collect.config import CollectConfig
from data.sources.config import SourceConfig
from data.collect.collect import collect_shard, plan_shards

base = Path(sys.argv[1])
for number, (small, large) in enumerate(zip(sys.argv[2::2], sys.argv[3::2])):
    peaks = []
    for path in (small, large):
        out = base / f"{path}.out"
        out.mkdir()
        config = CollectConfig(sources=[SourceConfig(name="s", path=path)], max_record_mb=4, shard_mb=1000)
        (shard,) = plan_shards(config, base)
        counts = collect_shard(out, shard, config)
        peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
    print(path, counts["documents_out"], counts["quarantined"], peaks[1] - peaks[0])
"""


@pytest.mark.long
def test_a_line_of_200_mb_is_never_held_in_memory(tmp_path: Path) -> None:
    beginnings = {
        "a.txt": (b"", b"", 0),
        "a.jsonl": (LINE, b"\n" + LINE, 2),
        "a.csv": (b"text\n" + ROW, b"\n" + ROW, 2),
        "a.html": (b"", b"", 0),
        "a.warc": (warc(PAGE) + b"WARC/1.0\r\nContent-Length: 200000000\r\n\r\n", b"\r\n\r\n" + warc(PAGE), 2),
        "a-pages-articles.xml": (WIKI_HEAD + wiki_page(GOOD) + b"<page>", b"</page>" + wiki_page(GOOD, 2), 2),
        "a.tar": (make_tar(("1.txt", GOOD.encode()))[:1024] + tar_header("2.jsonl", 200_000_000), tar_end(), 2),
    }
    paths = []
    for name, (before, after, _) in beginnings.items():
        (tmp_path / f"small-{name}").write_bytes(before + b"0" * 512 + after)
        with (tmp_path / name).open("wb") as file:  # sparse: the 200 MB are NUL bytes that take no room
            file.write(before)
            file.seek(200_000_000, io.SEEK_CUR)
            file.write(after)
            file.truncate()
        if not after:
            with (tmp_path / name).open("r+b") as file:
                file.truncate(200_000_000)
        paths += [f"small-{name}", name]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path), *paths], check=True, capture_output=True, text=True, timeout=60
    )
    found = [line.split() for line in done.stdout.splitlines()]
    assert [int(good) for _, good, _, _ in found] == [good for _, _, good in beginnings.values()]
    assert [int(bad) for _, _, bad, _ in found] == [1] * len(beginnings)
    assert max(int(grown) for *_, grown in found) < 50, done.stdout  # megabytes


def tar_header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf()


def tar_end() -> bytes:
    return b"\0" * (-200_000_000 % 512) + make_tar(("3.txt", GOOD.encode()))


OFF = {"language": None, "gopher_repetition": None, "gopher_quality": None, "c4": None, "fineweb": None}


@pytest.mark.parametrize(
    "config",
    [CleanConfig(), CleanConfig(**{**OFF, "c4": {}}), CleanConfig(**{**OFF, "fineweb": {}}), CleanConfig(**OFF)],
    ids=["all rules", "c4", "fineweb", "personal data"],
)
def test_texts_do_not_stop_the_cleaning(tmp_path: Path, config: CleanConfig) -> None:
    texts = {
        "one word": "a" * 2_000_000,
        "one line": "word " * 400_000,
        "empty lines": "\n" * 500_000,
        "short lines": "a\n" * 300_000,
        "digits": "1234567890" * 100_000,
        "dots": "." * 500_000,
        "brackets": "[" * 200_000 + "1]" * 100_000,
        "addresses": "a@" * 200_000 + "b.c" * 100_000,
        "numbers": "1.1.1." * 100_000 + ":" * 100_000,
        "keys": "-----BEGIN PRIVATE KEY-----" * 20_000,
        "tokens": "eyJ." * 100_000,
        "marks": "e" + "\u0301" * 300_000,
        "emoji": "\U0001f469\u200d" * 200_000,
        "control": "".join(map(chr, range(1, 32))) * 10_000,
        "private": "\ue000\ufffe\uffff" * 100_000,
        "right to left": "\u202e\u05d0 " * 100_000,
        "nothing": "",
    }
    table = [dict.fromkeys(SCHEMA.names, "") | {"id": name, "text": text} for name, text in texts.items()]
    for row in table:
        row |= {"language": None, "language_score": None, "meta": "{}"}
    write_table(tmp_path / "documents.parquet", table, SCHEMA)
    (tmp_path / "out").mkdir()
    begin = time.perf_counter()
    counts = clean_shard(tmp_path / "out", tmp_path / "documents.parquet", config)
    assert counts["documents_in"] == len(texts) == counts["documents_out"] + sum(counts["dropped"].values())
    assert time.perf_counter() - begin < 30
