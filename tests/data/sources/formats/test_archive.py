"""Archives: every format in every kind of archive, and members that are not read, each for its reason."""

import bz2
import gzip
import io
import json
import lzma
import tarfile
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from data.sources.config import SourceConfig
from data.sources.formats.archive import MEMORY_BYTES, read_archive
from data.sources.record import Record, Unreadable
from data.sources.streams.input import BytesInput, ReadLimits

Files = list[tuple[str, bytes]]


def make_zip(files: Files, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name twice is meant
        for name, content in files:
            archive.writestr(name, content)
    return file.getvalue()


def make_tar(files: Files, format: int = tarfile.PAX_FORMAT, special: list[tarfile.TarInfo] | None = None) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=format) as archive:
        for info in special or []:
            archive.addfile(info)
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def read(content: bytes, name: str, file_bytes: int = 1 << 30, members: int = 1000) -> list[Record | Unreadable]:
    limits = ReadLimits(1 << 20, file_bytes, members)
    return list(read_archive(BytesInput(name, content, file_bytes), SourceConfig(name="s", path="x"), limits))


def good(found: list[Record | Unreadable]) -> list[tuple[str, object]]:
    return [(record.place, str(record.fields["text"])) for record in found if isinstance(record, Record)]


def bad(found: list[Record | Unreadable]) -> list[tuple[str, str]]:
    return [(record.place, record.error) for record in found if isinstance(record, Unreadable)]


def parquet(*texts: str) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"text": list(texts)}), file)
    return file.getvalue()


FILES = [
    ("docs/one.txt", b"one"),
    ("docs/two.jsonl", b'{"text": "two"}\n{"text": "three"}\n'),
    ("three.jsonl.gz", gzip.compress(b'{"text": "four"}\n')),
    ("four.csv", b"text,n\nfive,5\n"),
    ("five.parquet", parquet("six", "seven")),
    ("a" * 160 + "/\N{SNOWMAN}.md", b"eight"),
    ("docs/one.txt", b"nine"),
]
PLACES = ["docs/one.txt#0", "docs/two.jsonl#0", "docs/two.jsonl#16", "three.jsonl.gz#0", "four.csv#0", "five.parquet#0"]
PLACES += ["five.parquet#1", "a" * 160 + "/\N{SNOWMAN}.md#0", "docs/one.txt@6#0"]
NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
ARCHIVES: dict[str, Callable[[Files], bytes]] = {
    "a.zip": make_zip,
    "stored.zip": lambda files: make_zip(files, zipfile.ZIP_STORED),
    "bzip2.zip": lambda files: make_zip(files, zipfile.ZIP_BZIP2),
    "lzma.zip": lambda files: make_zip(files, zipfile.ZIP_LZMA),
    "a.tar": make_tar,
    "gnu.tar": lambda files: make_tar(files, tarfile.GNU_FORMAT),
    "a.tgz": lambda files: gzip.compress(make_tar(files)),
    "a.tar.gz": lambda files: gzip.compress(make_tar(files)),
    "a.tar.bz2": lambda files: bz2.compress(make_tar(files)),
    "a.tar.xz": lambda files: lzma.compress(make_tar(files)),
    "a.tar.zst": lambda files: zstandard.compress(make_tar(files)),
}


@pytest.mark.parametrize("name", ARCHIVES)
def test_members_are_read_by_their_own_formats(name: str) -> None:
    found = read(ARCHIVES[name](FILES), name)
    assert good(found) == list(zip(PLACES, NUMBERS, strict=True)) and not bad(found)


REFUSED = [
    ("../outside.txt", "the name leads out of the archive"),
    ("a/../../outside.txt", "the name leads out of the archive"),
    ("/etc/passwd.txt", "the name leads out of the archive"),
    ("C:\\outside.txt", "the name leads out of the archive"),
    ("..\\outside.txt", "the name leads out of the archive"),
    (".hidden.txt", "a hidden file: left out, as in a folder"),
    ("__MACOSX/._a.txt", "a hidden file: left out, as in a folder"),
    ("inner.zip", "an archive in an archive: unpack it first"),
    ("inner.tar.gz", "an archive in an archive: unpack it first"),
    ("program.exe", "cannot tell the format by the name"),
]


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_members_that_are_not_read_are_counted_and_cost_no_other(name: str, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = [("first.txt", b"first"), *((refused, b"content") for refused, _ in REFUSED), ("./last.txt", b"last")]
    found = read(ARCHIVES[name](files), name)
    assert [text for _, text in good(found)] == ["first", "last"]
    assert bad(found) == REFUSED
    assert not list(tmp_path.rglob("*")) and not (tmp_path.parent / "outside.txt").exists()


def test_links_devices_and_folders_in_a_tar() -> None:
    special = [tarfile.TarInfo(f"{number}.txt") for number in range(5)]
    kinds = [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
    for info, kind in zip(special, kinds, strict=True):
        info.type, info.linkname = kind, "/etc/passwd"
    found = read(make_tar([("a.txt", b"a")], special=special), "a.tar")
    assert [error for _, error in bad(found)] == ["a link", "a link", "a device", "a named pipe"]
    assert good(found) == [("a.txt#0", "a")]


def test_a_link_and_an_encrypted_member_in_a_zip() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("secret.txt", "x")
        archive.writestr("a.txt", "a")
    content = bytearray(file.getvalue())
    content[content.rindex(b"PK\1\2", 0, content.rindex(b"secret.txt")) + 8] |= 1
    found = read(bytes(content), "a.zip")
    assert bad(found) == [("link.txt", "a link"), ("secret.txt#0", "the member is encrypted")]
    assert good(found) == [("a.txt#0", "a")]


def test_a_damaged_member_of_a_zip_costs_no_other() -> None:
    content = bytearray(make_zip([("a.txt", b"a" * 99), ("b.txt", b"b")]))
    content[content.index(b"a.txt") + 6] ^= 0xFF
    found = read(bytes(content), "a.zip")
    assert good(found) == [("b.txt#0", "b")]
    ((place, error),) = bad(found)
    assert place == "a.txt#0" and error.startswith("damaged zip: ")


def test_a_damaged_header_of_a_tar_costs_its_member() -> None:
    content = bytearray(make_tar([("a.txt", b"a"), ("b.txt", b"b"), ("c.txt", b"c")]))
    content[1024 + 3] ^= 1
    found = read(bytes(content), "a.tar")
    assert good(found) == [("a.txt#0", "a"), ("c.txt#0", "c")]
    assert bad(found) == [("byte 1024", "no tar header begins here")]


@pytest.mark.parametrize(("name", "cut"), [("a.tar", 700), ("a.tar", 1024), ("a.tgz", 60), ("a.zip", 60)])
def test_a_truncated_archive_names_what_is_lost(name: str, cut: int) -> None:
    content = ARCHIVES[name]([("a.txt", b"a"), ("b.txt", b"b" * 600)])
    found = read(content[:cut], name)
    assert bad(found)[-1][1].startswith("the rest of the file cannot be read: ")


@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_an_archive_without_files_is_named(name: str) -> None:
    assert bad(read(ARCHIVES[name]([]), name)) == [("0", "there are no files in the archive")]
    assert len(bad(read(b"", name))) == 1


def test_members_are_bounded_in_number() -> None:
    files = [(f"{number}.txt", b"x") for number in range(5)]
    for name in ("a.zip", "a.tar"):
        found = read(ARCHIVES[name](files), name, members=3)
        assert len(good(found)) <= 3 and "more than the 3 members" in bad(found)[-1][1]
        assert len(good(read(ARCHIVES[name](files), name, members=5))) == 5


def test_names_and_extensions_of_a_tar_are_bounded() -> None:
    for size, problems in ((60_000, 0), (70_000, 1)):
        found = read(make_tar([("x" * size + ".txt", b"a")]), "a.tar")
        assert len(bad(found)) == problems and all("a name of 70004 bytes" in error for _, error in bad(found))
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.txt")
        info.pax_headers = {"comment": "x" * 100_000, "size": "1"}
        info.size = 1
        archive.addfile(info, io.BytesIO(b"a"))
    assert [text for _, text in good(read(content.getvalue(), "a.tar"))] == ["a"]


def test_bombs_are_bounded_in_all_and_cost_no_earlier_or_smaller_member() -> None:
    bomb = b"0" * 3_000_000
    found = read(make_zip([("a.txt", b"a"), ("bomb.txt", bomb), ("b.txt", b"b")]), "a.zip", file_bytes=1_000_000)
    assert [text for _, text in good(found)] == ["a", "b"]
    assert bad(found)[0][1].startswith("the member has 3000000 bytes, more than the 999999 that are left")
    lines = gzip.compress((json.dumps({"text": "0" * 1000}) + "\n").encode() * 3000)
    found = read(make_zip([("1.jsonl.gz", lines), ("2.jsonl.gz", lines)]), "a.zip", file_bytes=4_000_000)
    assert 3000 < len(good(found)) < 4000 and "unpacks to more than" in bad(found)[-1][1]


def test_a_large_member_is_not_held_in_memory() -> None:
    line = json.dumps({"text": "words " * 10_000}).encode() + b"\n"
    content = make_zip([("a.jsonl", line * (3 * MEMORY_BYTES // len(line))), ("b.txt", b"b")])
    input, source = BytesInput("a.zip", content), SourceConfig(name="s", path="x")
    tracemalloc.start()
    count = sum(isinstance(record, Record) for record in read_archive(input, source, ReadLimits(1 << 20)))
    assert count == 3 * MEMORY_BYTES // len(line) + 1
    assert tracemalloc.get_traced_memory()[1] < 2.2 * MEMORY_BYTES
    tracemalloc.stop()


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(["a.zip", "a.tar", "a.tgz"]),
    at=st.floats(0, 1),
    cut=st.integers(0, 99),
    noise=st.binary(max_size=99),
)
def test_no_damage_stops_the_reader(name: str, at: float, cut: int, noise: bytes) -> None:
    content = ARCHIVES[name](FILES[:4])
    begin = int(at * len(content))
    found = read(content[:begin] + noise + content[begin + cut :], name)
    assert all(record.place and (isinstance(record, Record) or record.error) for record in found)
