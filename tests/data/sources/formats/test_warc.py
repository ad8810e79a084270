"""WARC and WET: pages, what is no page, and good records around damaged ones."""

import bz2
import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from fastwarc.stream_io import GzipWriter
from fastwarc.warc import WarcRecord, WarcRecordType
from hypothesis import given, settings
from hypothesis import strategies as st

from data.sources.config import SourceConfig
from data.sources.formats.warc import read_warc
from data.sources.record import Record, Unreadable
from data.sources.streams.input import BytesInput, ReadLimits

PAGE = "<html><body><main><h1>Page {n}</h1><p>The words of page {n} are about weather and harbours.</p></main></body></html>"
HTTP = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n"


def warc(kind: bytes, content: bytes, number: int = 0, length: int | None = None, headers: bytes = b"") -> bytes:
    return (
        b"WARC/1.0\r\nWARC-Type: %s\r\nWARC-Target-URI: https://example.org/%d\r\nWARC-Date: 2024-05-01T00:00:00Z\r\n"
        b"WARC-Record-ID: <urn:uuid:%d>\r\n%sContent-Length: %d\r\n\r\n"
        % (kind, number, number, headers, len(content) if length is None else length)
    ) + (content + b"\r\n\r\n")


def response(number: int, body: bytes | None = None, http: bytes = HTTP, length: int | None = None) -> bytes:
    body = PAGE.format(n=number).encode() if body is None else body
    headers = b"Content-Type: application/http; msgtype=response\r\n"
    return warc(b"response", http + b"\r\n" + body, number, length, headers)


def read(content: bytes, name: str = "a.warc", limit: int = 1 << 20) -> list[Record | Unreadable]:
    return list(read_warc(BytesInput(name, content), SourceConfig(name="s", path="x"), ReadLimits(limit)))


def pages(found: list[Record | Unreadable]) -> list[int]:
    """The numbers of the pages that came through, whole."""
    numbers = [int(str(record.fields["uri"]).rpartition("/")[2]) for record in found if isinstance(record, Record)]
    good = [record for record in found if isinstance(record, Record)]
    assert all(
        f"The words of page {n} are" in str(record.fields["text"]) for n, record in zip(numbers, good, strict=True)
    )
    return numbers


def errors(found: list[Record | Unreadable]) -> list[str]:
    return [record.error for record in found if isinstance(record, Unreadable)]


PACKED: dict[str, Callable[[list[bytes]], bytes]] = {
    "a.warc": b"".join,
    "a.warc.gz": lambda records: b"".join(map(gzip.compress, records)),
    "whole.warc.gz": lambda records: gzip.compress(b"".join(records)),
    "a.warc.bz2": lambda records: bz2.compress(b"".join(records)),
    "a.warc.zst": lambda records: zstandard.compress(b"".join(records)),
}


@pytest.mark.parametrize("name", PACKED)
def test_pages_have_their_address_date_and_place(name: str) -> None:
    records = [response(n) for n in range(4)]
    found = read(PACKED[name](records), name)
    assert pages(found) == [0, 1, 2, 3] and len({record.place for record in found}) == 4
    first = found[0]
    assert isinstance(first, Record)
    assert {name: value for name, value in first.fields.items() if name != "text"} == {
        "uri": "https://example.org/0",
        "date": "2024-05-01T00:00:00Z",
        "id": "<urn:uuid:0>",
    }


def test_a_place_is_where_the_record_begins_in_the_stored_file() -> None:
    records = [response(n) for n in range(4)]
    packed = [gzip.compress(record) for record in records]
    assert [record.place for record in read(b"".join(records))] == [str(sum(map(len, records[:n]))) for n in range(4)]
    assert [record.place for record in read(b"".join(packed), "a.warc.gz")] == [
        str(sum(map(len, packed[:n]))) for n in range(4)
    ]
    (_, second, *_) = read(gzip.compress(b"".join(records)), "a.warc.gz")
    assert second.place == f"0+{len(records[0])}"


def test_what_fastwarc_writes_is_read(tmp_path) -> None:
    path = tmp_path / "a.warc.gz"
    writer = GzipWriter(str(path))
    for number in range(3):
        record = WarcRecord()
        record.init_headers(record_type=WarcRecordType.response)
        record.headers["WARC-Target-URI"] = f"https://example.org/{number}"
        record.is_http = True
        record.set_bytes_content(HTTP + b"\r\n" + PAGE.format(n=number).encode())
        record.write(writer)
    writer.close()
    assert pages(read(path.read_bytes(), "a.warc.gz")) == [0, 1, 2]


def test_wet_records_are_text_as_it_is() -> None:
    headers = b"Content-Type: text/plain\r\nWARC-Identified-Content-Language: fra\r\n"
    info = warc(b"warcinfo", b"software: x\r\n")
    (found,) = read(info + warc(b"conversion", "Déjà vu\nune fois.".encode(), 7, headers=headers), "a.warc.wet")
    assert isinstance(found, Record)
    assert (found.fields["text"], found.fields["language"]) == ("Déjà vu\nune fois.", "fra")


@pytest.mark.parametrize(
    ("http", "reason"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n", "not a page: HTTP status 404"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n", "not a page: application/pdf"),
        (b"HTTP/1.1 200 OK\r\n", "not a page: no Content-Type"),
    ],
)
def test_a_response_that_is_no_page_is_counted_by_its_reason(http: bytes, reason: str) -> None:
    found = read(response(0) + response(1, b"x", http) + response(2))
    assert errors(found) == [reason] and pages(found) == [0, 2]


def test_records_about_others_are_passed_over() -> None:
    about = [warc(kind, b"x") for kind in (b"warcinfo", b"request", b"metadata", b"revisit")]
    assert errors(read(b"".join(about) + warc(b"continuation", b"x"))) == [
        "not a page: a WARC record of type continuation"
    ]
    assert read(b"".join(about)) == []


TEXTS = {"windows-1251": "Привет, мир", "iso-8859-2": "Zażółć gęślą jaźń", "euc-kr": "한국어 문장입니다"}
ENCODINGS = {
    b"gzip": gzip.compress,
    b"deflate": zlib.compress,
    b"br": brotli.compress,
    b"zstd": zstandard.compress,
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_content_encodings_and_chunks_are_undone_within_the_limit(encoding: bytes) -> None:
    body = ENCODINGS[encoding](PAGE.format(n=0).encode())
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    http = HTTP + b"Content-Encoding: " + encoding + b"\r\n"
    bomb = ENCODINGS[encoding](b"<p>" + b"a" * 3_000_000)
    found = read(
        response(0, body, http)
        + response(1, bomb, http)
        + response(2, body[:-20], http)
        + response(0, chunked, http + b"Transfer-Encoding: chunked\r\n")
    )
    assert pages([found[0], found[-1]]) == [0, 0]
    assert "more than the 1048576 bytes" in found[1].error
    assert isinstance(found[2], Unreadable) and found[2].bytes


@pytest.mark.parametrize("encoding", [b"gzip", b"x-gzip", b"GZIP", b"gzip, gzip", b"identity, gzip,", b"deflate"])
def test_a_gzip_body_that_is_cut_short_is_no_page(encoding: bytes) -> None:
    page = (PAGE.format(n=0) + "<p>" + " ".join(map(str, range(1000)))).encode()
    body = gzip.compress(page) if b"g" in encoding.lower() else zlib.compress(page)
    body = gzip.compress(body) if encoding == b"gzip, gzip" else body
    http = HTTP + b"Content-Encoding: " + encoding + b"\r\n"
    cuts = [len(body) // 2, len(body) - 8, len(body) - 1]
    found = read(b"".join(response(0, body[:end], http) for end in [*cuts, len(body)]))
    assert pages(found) == [0]
    assert [error.partition(" tru")[0] for error in errors(found)] == ["the page cannot be unpacked:"] * 3


@pytest.mark.parametrize("encoding", [b"gzip", b"deflate", b"identity"])
def test_a_page_without_a_body_is_no_damage(encoding: bytes) -> None:
    [record] = read(response(0, b"", HTTP + b"Content-Encoding: " + encoding + b"\r\n"))
    assert isinstance(record, Record) and record.fields["text"] == ""


def test_padding_and_further_members_of_a_gzip_body_are_read() -> None:
    page = PAGE.format(n=0).encode()
    body = gzip.compress(page[:70]) + b"\0" * 9 + gzip.compress(page[70:]) + b"\0" * 9 + b"\r\n"
    assert pages(read(response(0, body, HTTP + b"Content-Encoding: gzip\r\n"))) == [0]


@pytest.mark.parametrize("encoding", [b"identity", b"gzip"])
def test_lines_of_headers_may_end_with_a_bare_newline(encoding: bytes) -> None:
    page = (PAGE.format(n=0) + "\n\n<p>one\r\n\r\ntwo\n\nend").encode()
    body = gzip.compress(page) if encoding == b"gzip" else page
    http = (HTTP + b"Content-Encoding: " + encoding + b"\r\n").replace(b"\r\n", b"\n")
    whole = warc(b"response", http + b"\n" + body, headers=b"Content-Type: application/http\r\n")
    begin = whole.index(b"\r\n\r\n") + 4
    found = read(whole + whole[:begin].replace(b"\r\n", b"\n") + whole[begin:])
    assert pages(found) == [0, 0] and all(str(record.fields["text"]).endswith("end") for record in found)


@pytest.mark.parametrize("reason", [b"length", b"time", b"disconnect", b"unspecified"])
def test_what_the_crawler_cut_short_is_no_page(reason: bytes) -> None:
    cut = response(1).replace(b"Content-Length", b"WARC-Truncated: " + reason + b"\r\nContent-Length", 1)
    found = read(response(0) + cut + response(2))
    assert pages(found) == [0, 2]
    assert errors(found) == [f"the page was cut short when it was fetched: {reason.decode()}"]


def test_the_reason_that_a_body_is_not_chunked_is_not_the_page() -> None:
    found = read(response(0, b"<p>" + b"a" * 5000, HTTP + b"Transfer-Encoding: chunked\r\n"))
    assert errors(found) == ["Invalid chunk header"]


@pytest.mark.parametrize(
    "header", [b"content-Type: application/http", b"Content-Type: Application/HTTP;msgtype=response"]
)
def test_the_case_of_a_header_does_not_matter(header: bytes) -> None:
    http = HTTP.replace(b"Content-Type", b"content-TYPE") + b"\r\n" + PAGE.format(n=0).encode()
    assert pages(read(warc(b"response", http, headers=header + b"\r\n"))) == [0]


@pytest.mark.parametrize(
    ("charset", "http"),
    [
        ("windows-1251", b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=windows-1251\r\n"),
        ("iso-8859-2", b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=ISO-8859-2\r\n"),
        ("euc-kr", b'HTTP/1.1 200 OK\r\nContent-Type: text/plain;Charset = " euc-kr "; x=y\r\n'),
    ],
)
def test_the_charset_of_the_http_header_counts(charset: str, http: bytes) -> None:
    text = TEXTS[charset]
    (found,) = read(response(0, text.encode(charset), http))
    assert isinstance(found, Record) and found.fields["text"] == text


@pytest.mark.parametrize("kind", [b"resource", b"conversion"])
def test_the_charset_of_a_record_without_http_counts(kind: bytes) -> None:
    content = TEXTS["iso-8859-2"].encode("iso-8859-2")
    (found,) = read(warc(kind, content, headers=b'Content-Type: text/plain; charset="iso-8859-2"\r\n'))
    assert isinstance(found, Record) and found.fields["text"] == TEXTS["iso-8859-2"]


@pytest.mark.parametrize("name", ["a.warc", "a.warc.gz", "whole.warc.gz"])
@pytest.mark.parametrize("length", [10, 100_000, 10**12, -5])
def test_a_false_length_costs_its_own_record_only(name: str, length: int) -> None:
    found = read(PACKED[name]([response(0), response(1, length=length), response(2), response(3)]), name)
    assert pages(found) == [0, 2, 3]
    (error,) = errors(found)
    assert "Content-Length" in error or "more than" in error


def test_a_record_over_the_limit_and_a_bomb_are_passed_over() -> None:
    large = response(1, b"a" * 5_000_000)
    assert pages(read(response(0) + large + response(2))) == [0, 2]
    found = read(PACKED["a.warc.gz"]([response(0), large, response(2)]), "a.warc.gz")
    assert pages(found) == [0, 2]
    assert errors(found)[0].startswith("the record has ")


MEMBERS = [gzip.compress(response(n)) for n in range(4)]


@pytest.mark.parametrize(
    "damaged",
    [
        MEMBERS[1][:-30],
        MEMBERS[1][:60] + b"\0\0\0\0" + MEMBERS[1][64:],
        MEMBERS[1][:-8] + b"crc!" + MEMBERS[1][-4:],
        b"no gzip at all" * 50,
        b"\x1f\x8b\x08" * 100,
    ],
)
def test_a_damaged_gzip_member_costs_its_own_record_only(damaged: bytes) -> None:
    found = read(MEMBERS[0] + damaged + MEMBERS[2] + MEMBERS[3], "a.warc.gz")
    assert pages(found) == [0, 2, 3]
    assert len(errors(found)) >= 1 and all("gzip" in error for error in errors(found))


def test_garbage_between_records_costs_none() -> None:
    found = read(response(0) + b"garbage\r\n\r\nmore of it\r\n" + response(1) + b"\0" * 100)
    assert pages(found) == [0, 1]
    assert errors(found) == ["no WARC record begins here"] * 2


def test_a_truncated_file_names_what_is_lost() -> None:
    found = read(b"".join(MEMBERS)[:-40], "a.warc.gz")
    assert pages(found) == [0, 1, 2] and errors(found) == ["truncated gzip member"]
    found = read(b"".join(response(n) for n in range(3))[:-60])
    assert pages(found) == [0, 1] and "bytes before the record" in errors(found)[0]


def test_an_endless_header_is_bounded_and_an_empty_file_is_named() -> None:
    found = read(response(0) + b"WARC/1.0\r\nX: " + b"a" * 3_000_000 + b"\r\n" + response(1))
    assert pages(found) == [0, 1] and errors(found) == ["a WARC record without a Content-Length"]
    assert errors(read(b"")) == errors(read(b"", "a.warc.gz")) == ["the file is empty"]


@settings(max_examples=150, deadline=None)
@given(name=st.sampled_from(sorted(PACKED)), at=st.floats(0, 1), cut=st.integers(0, 300), noise=st.binary(max_size=300))
def test_no_damage_stops_the_reader(name: str, at: float, cut: int, noise: bytes) -> None:
    content = PACKED[name]([response(n) for n in range(4)])
    begin = int(at * len(content))
    found = read(content[:begin] + noise + content[begin + cut :], name)
    assert all(record.place and (isinstance(record, Record) or record.error) for record in found)
    if name == "a.warc.gz":  # what is damaged is in two or three of the members
        assert len([record for record in found if isinstance(record, Record)]) >= 1
