"""The source files of the goldens of collect: the text files of this package, and those that are made of them.

Binary files are made here rather than kept, each in a way that gives equal places of records on every machine: a member of
an archive or a frame of a compression is stored as it is where its compressed size would show in a place.
"""

import bz2
import gzip
import io
import json
import lzma
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

INPUTS = Path(__file__).with_name("inputs")
COLUMNS = ("id", "text", "url", "date", "license", "topic")
COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.compress,
}
EPUB = {
    "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/package.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
    "OEBPS/package.opf": """<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="url">
  <metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
    <dc:identifier id="url">https://example.org/book</dc:identifier>
    <dc:title>A Book &amp; More</dc:title><dc:language>en</dc:language><dc:date>1999-01-01</dc:date>
    <dc:rights>CC0-1.0</dc:rights><dc:creator>First Author</dc:creator>
  </metadata>
  <manifest>
    <item id="one" href="text/chapter%20one.xhtml" media-type="application/xhtml+xml"/>
    <item id="two" href="text/two.xhtml" media-type="application/xhtml+xml"/>
    <item id="contents" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
  </manifest>
  <spine><itemref idref="contents"/><itemref idref="two"/><itemref idref="one"/></spine>
</package>""",
    "OEBPS/text/chapter one.xhtml": "<html><head><title/></head><body><p>The last words.</p></body></html>",
    "OEBPS/text/two.xhtml": "<html><body><h1>Second, first</h1><p>Words with an é.</p></body></html>",
    "OEBPS/nav.xhtml": "<html><body>Contents</body></html>",
}
PAGE = (
    "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=iso-8859-1\r\n\r\n<html><title>T</title><body><main><p>{}</p>"
)
SAVED_STATE: dict[str, Any] = {
    "_data_files": [{"filename": "data.arrow"}],
    "_fingerprint": "0",
    **dict.fromkeys(("_format_columns", "_format_type", "_split")),
    "_format_kwargs": {},
    "_output_all_columns": False,
}
SAVED_TYPES = {"text": "string", "n": "int64", "x": "float64", "when": "timestamp[us]", "b": "binary"}
SAVED_FEATURES = {name: {"dtype": type, "_type": "Value"} for name, type in SAVED_TYPES.items()} | {
    "tags": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"}
}


def write_sources(folder: Path) -> None:
    """Write all source files into `folder`, which must not be there yet."""
    shutil.copytree(INPUTS / "sources", folder)
    lines = (folder / "records.jsonl").read_bytes()
    rows = [json.loads(line) for line in lines.splitlines()]
    for suffix, compress in COMPRESSED.items():
        (folder / f"records.jsonl{suffix}").write_bytes(compress(lines))
    table = pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in COLUMNS})
    _write_columns(folder, table)
    _write_typed_columns(folder)
    (folder / "book.epub").write_bytes(_zip(EPUB))
    _write_warc(folder)
    _write_archives(folder)
    _write_cut(folder)
    _write_damaged(folder, lines)


def _write_columns(folder: Path, table: pa.Table) -> None:
    pq.write_table(table, folder / "table.parquet", row_group_size=2)
    with pa.ipc.new_file(folder / "table.arrow", table.schema) as file:
        file.write_table(table, max_chunksize=2)
    with pa.ipc.new_stream(folder / "stream.arrow", table.schema) as stream:
        stream.write_table(table, max_chunksize=2)
    (folder / "dataset").mkdir()
    pq.write_table(table, folder / "dataset" / "train-0.parquet")
    pq.write_table(table.slice(0, 1), folder / "dataset" / "test-0.parquet")


def _write_typed_columns(folder: Path) -> None:
    """Columns of other types than strings, as Parquet and in the folder that `Dataset.save_to_disk` writes."""
    rows: list[dict[str, Any]] = [
        {
            "text": "A row of many types.",
            "n": 7,
            "x": 0.5,
            "when": datetime(2024, 5, 1, 12, 30),
            "tags": ["a", "b"],
            "b": b"\xff",
        },
        {"text": None, "n": None, "x": None, "when": None, "tags": None, "b": None},
    ]
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, folder / "typed.parquet")
    saved = folder / "saved"
    saved.mkdir()
    with pa.ipc.new_stream(saved / "data.arrow", table.schema) as stream:
        stream.write_table(table)
    (saved / "state.json").write_text(json.dumps(SAVED_STATE), encoding="utf-8")
    (saved / "dataset_info.json").write_text(json.dumps({"features": SAVED_FEATURES}), encoding="utf-8")


def _write_warc(folder: Path) -> None:
    records = [
        _warc("warcinfo", "software: none", 0, "application/warc-fields"),
        _warc("response", PAGE.format("A page about a café and its harbour."), 1),
        _warc("response", "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n<p>not here", 2),
        _warc("response", "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\npng", 3),
        _warc("conversion", "The plain text of a page.", 4, "text/plain"),
    ]
    (folder / "pages.warc").write_bytes(b"".join([*records[:3], b"damage between the records\r\n\r\n", *records[3:]]))
    (folder / "pages.warc.gz").write_bytes(b"".join(gzip.compress(record, 0, mtime=0) for record in records))


def _warc(kind: str, content: str, number: int, type: str = "application/http; msgtype=response") -> bytes:
    body = content.encode("latin-1")
    headers = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: https://example.org/{number}\r\n"
        f"WARC-Date: 2024-05-01T00:00:00Z\r\nWARC-Record-ID: <urn:uuid:{number}>\r\nContent-Type: {type}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return headers.encode() + body + b"\r\n\r\n"


def _write_archives(folder: Path) -> None:
    members = {name: (folder / name).read_bytes() for name in ("plain.txt", "notes.md", "records.jsonl", "page.html")}
    members |= {f"{'long/' * 30}plain.txt": b"The name of this file is long.", "empty.txt": b""}
    members |= {"deep/records.jsonl.gz": gzip.compress(members["records.jsonl"]), "picture.png": b"not a text"}
    (folder / "all.zip").write_bytes(_zip(members))
    for name, mode in (("all.tar", "w"), ("all.tar.gz", "w:gz")):
        with tarfile.open(folder / name, mode) as archive:  # type: ignore[call-overload]
            for member, content in members.items():
                info = tarfile.TarInfo(member)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))


def _zip(members: Mapping[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _write_cut(folder: Path) -> None:
    """Files that are read in parts: lines, and lines in several bzip2 streams and zstd frames."""
    rows: list[dict[str, Any]] = [
        {"text": f"Line {n} of a file that is read in parts.", "id": str(n)} for n in range(60)
    ]
    pieces = [b"".join(json.dumps(row).encode() + b"\n" for row in rows[at : at + 15]) for at in range(0, 60, 15)]
    (folder / "cut.jsonl").write_bytes(b"".join(pieces))
    (folder / "cut.jsonl.bz2").write_bytes(b"".join(map(bz2.compress, pieces)))
    (folder / "cut.jsonl.zst").write_bytes(b"".join(map(_stored_frame, pieces)))
    pq.write_table(pa.Table.from_pylist(rows), folder / "cut.parquet", row_group_size=10)
    with pa.ipc.new_file(folder / "cut.arrow", pa.Table.from_pylist(rows).schema) as file:
        file.write_table(pa.Table.from_pylist(rows), max_chunksize=10)


def _stored_frame(content: bytes) -> bytes:
    """A zstd frame (RFC 8878, section 3.1.1) with one block that is stored as it is; of 256 to 65,791 bytes."""
    size = len(content) - 256
    return (
        b"\x28\xb5\x2f\xfd\x60" + size.to_bytes(2, "little") + (len(content) << 3 | 1).to_bytes(3, "little") + content
    )


def _write_damaged(folder: Path, lines: bytes) -> None:
    """Files of which something, or all, cannot be read."""
    damaged = folder / "damaged"
    damaged.mkdir()
    (damaged / "latin.txt").write_bytes("A café in Latin-1.".encode("latin-1"))
    (damaged / "lines.jsonl").write_bytes(b'{"text": "good"}\n{"text": \n[1]\n{"text": 5}\n{"other": "x"}\n\xff\n')
    (damaged / "short.jsonl.gz").write_bytes(gzip.compress(lines, 0)[:-20])
    (damaged / "table.csv").write_bytes(b'text,id\ngood,1\ntoo,many,fields\nfew\n\xff,2\n"never closed,2\n')
    for name in ("table.parquet", "table.arrow"):
        (damaged / name).write_bytes((folder / name).read_bytes()[:-300])
    (damaged / "deep.html").write_bytes(b"<div>" * 5000 + b"text")
    (damaged / "book.epub").write_bytes(_zip({"mimetype": "application/epub+zip"}))
    (damaged / "pages.warc").write_bytes(_warc("response", PAGE.format("good"), 1)[:-40])
    members = [gzip.compress(_warc("conversion", f"Text {n}.", n, "text/plain"), 0, mtime=0) for n in range(3)]
    members[1] = members[1].replace(b"Text 1", b"Text 7")  # which its checksum tells
    (damaged / "pages.warc.gz").write_bytes(b"".join(members))
    (damaged / "short.zip").write_bytes((folder / "all.zip").read_bytes()[:-40])
    (damaged / "short.tar").write_bytes((folder / "all.tar").read_bytes()[:700])
    dump = (folder / "en-pages-articles.xml").read_text(encoding="utf-8")
    (damaged / "x-pages-articles.xml").write_text(dump[: len(dump) // 2], encoding="utf-8")
