"""Wikipedia dumps: pages with their addresses, what is no article, damage, and parts."""

import bz2
import gzip
from html import escape

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from data.sources.config import SourceConfig
from data.sources.formats.wikipedia import read_wikipedia
from data.sources.record import Record, Unreadable
from data.sources.streams.input import BytesInput, ReadLimits

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="de">
  <siteinfo>
    <sitename>Wikipedia</sitename>
    <base>https://de.wikipedia.org/wiki/Wikipedia:Hauptseite</base>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">Datei</namespace>
      <namespace key="14" case="first-letter">Kategorie</namespace>
    </namespaces>
  </siteinfo>
"""


def page(number: int, text: str, title: str = "", namespace: int = 0, more: str = "", model: str = "wikitext") -> str:
    return f"""  <page>
    <title>{title or f"Page {number}"}</title>
    <ns>{namespace}</ns>
    <id>{number}</id>{more}
    <revision>
      <id>{1000 + number}</id>
      <timestamp>2024-05-01T12:00:00Z</timestamp>
      <contributor><username>x</username><id>5</id></contributor>
      <model>{model}</model>
      <text bytes="9" xml:space="preserve">{escape(text, quote=False)}</text>
    </revision>
  </page>
"""


def dump(*pages: str) -> bytes:
    return (HEAD + "".join(pages) + "</mediawiki>\n").encode()


def read(
    content: bytes,
    name: str = "x-pages-articles.xml",
    limit: int = 1 << 20,
    start: int = 0,
    stop: int | None = None,
    **source,
) -> list[Record | Unreadable]:
    input = BytesInput(name, content, start=start, stop=stop)
    return list(read_wikipedia(input, SourceConfig(name="s", path="x", **source), ReadLimits(limit)))


def test_a_page_is_plain_text_with_address_and_date() -> None:
    text = "'''Köln''' <ref>x</ref>liegt am [[Rhein]].[[Datei:a.png|b]][[Kategorie:Stadt]]"
    (found,) = read(dump(page(7, text, title="Köln (Stadt) &amp; mehr")))
    assert found == Record(
        "page 7 revision 1007",
        {
            "title": "Köln (Stadt) & mehr",
            "namespace": "0",
            "id": "7",
            "revision": "1007",
            "date": "2024-05-01T12:00:00Z",
            "model": "wikitext",
            "text": "Köln liegt am Rhein.",
            "uri": "https://de.wikipedia.org/wiki/K%C3%B6ln_(Stadt)_%26_mehr",
            "language": "de",
        },
        found.bytes,
        left_out={"notes and marks": 1, "files and categories": 27},
    )


def test_redirects_and_other_namespaces_have_no_text() -> None:
    redirect = page(1, "#REDIRECT [[Page 2]]", more='\n    <redirect title="Page 2" />')
    content = dump(redirect, page(2, "words"), page(3, "talk", namespace=1))
    assert [record.fields["text"] for record in read(content)] == ["", "words", ""]
    assert [record.fields["text"] for record in read(content, namespaces=[0, 1])] == ["", "words", "talk"]


def test_of_several_revisions_the_last_counts() -> None:
    several = page(1, "new").replace("<revision>", "<revision><id>1</id><text>old</text></revision><revision>", 1)
    (found,) = read(dump(several))
    assert isinstance(found, Record) and (found.fields["text"], found.fields["revision"]) == ("new", "1001")


PAGES = [page(number, f"Words of page {number}. " * 20) for number in range(1, 60)]


@pytest.mark.parametrize("compress", [bytes, gzip.compress, bz2.compress, zstandard.compress])
def test_a_damaged_page_costs_no_other(compress) -> None:
    suffix = {gzip.compress: ".gz", bz2.compress: ".bz2", zstandard.compress: ".zst"}.get(compress, "")
    bad = [
        page(90, "x").replace("<ns>", "<ns"),
        page(91, "&nbsp;x").replace("&amp;nbsp;", "&undefined;"),
        page(92, "x").replace("<id>92", "<id>none"),
        page(93, "function()", model="javascript"),
        page(94, "x" * 50_000),
        page(95, "{{a|" * 1000),
        page(96, "x").replace("</page>", ""),
    ]
    content = dump(*PAGES[:3], *(both for pair in zip(bad, PAGES[3:10], strict=True) for both in pair))
    found = read(compress(content), f"x-pages-articles.xml{suffix}", limit=40_000)
    assert [int(str(record.fields["id"])) for record in found if isinstance(record, Record)] == list(range(1, 11))
    errors = [record.error for record in found if isinstance(record, Unreadable)]
    expected = [
        "not well-formed",
        "undefined entity",
        "no number",
        "javascript",
        "more than the 40000",
        "nested",
        "no end",
    ]
    assert len(errors) == len(bad) and all(part in error for part, error in zip(expected, errors, strict=True))
    first = next(record for record in found if isinstance(record, Unreadable))
    assert "<title>Page 90" in first.excerpt and first.place.rpartition("+")[2] == str(
        content.index(bad[0].encode()) + 2
    )


def test_truncated_and_foreign_files_are_named() -> None:
    found = read(dump(*PAGES)[:-300])
    assert len(found) == 59 and found[-1].error == "the file ends within the page"
    found = read(gzip.compress(dump(*PAGES))[:-100], "x-pages-articles.xml.gz")
    assert found[-1].error == "the rest of the file cannot be read: truncated gzip"
    for foreign in (b"", b"<html></html>", b"\0" * 5_000_000):
        (lost,) = read(foreign)
        assert "does not begin as a MediaWiki dump" in lost.error


def test_no_part_of_a_dump_is_read_twice_or_never() -> None:
    content = dump(*PAGES[:30], PAGES[30].replace("</page>", ""), *PAGES[31:])
    whole = read(content)
    assert len(whole) == 59 and isinstance(whole[30], Unreadable)
    for step in (1, 7, 100, 1000):
        begin = content.index(PAGES[31].encode()) - 3 * step
        cuts = [0, *range(begin, begin + 6 * step, step)]
        parts = [read(content, start=a, stop=b) for a, b in zip(cuts, [*cuts[1:], None], strict=True)]
        assert [record for part in parts for record in part] == whole


@pytest.mark.parametrize("name", ["x-pages-articles.xml.bz2", "x-pages-articles.xml.zst"])
@pytest.mark.parametrize("cut", [5, 20])
def test_parts_of_compressed_dumps(name: str, cut: int) -> None:
    compress = bz2.compress if name.endswith(".bz2") else zstandard.compress
    pieces = [HEAD.encode(), *(part.encode() for part in PAGES)]
    pieces = [
        pieces[0] + pieces[1][:20],
        *(b[20:] + a[:20] for b, a in zip(pieces[1:], [*pieces[2:], b""], strict=True)),
    ]
    content = b"".join(map(compress, pieces))  # a page begins in each block or frame and ends in the next
    whole = read(content, name)
    assert len(whole) == 59 and all(isinstance(record, Record) for record in whole)
    offsets = [sum(len(compress(piece)) for piece in pieces[:n]) for n in range(0, len(pieces), 9)]
    parts = [read(content, name, start=a, stop=b) for a, b in zip(offsets, [*offsets[1:], None], strict=True)]
    assert [record for part in parts for record in part] == whole


@pytest.mark.parametrize("suffix", ["bz2", "zst"])
@pytest.mark.parametrize("inside", [0, 20])  # of a page, or between two
def test_damage_is_told_once_however_a_dump_is_cut(suffix: str, inside: int) -> None:
    joined = dump(*PAGES)
    ends = [joined.index(part.encode()) + inside for part in PAGES[1:]]
    streams = [
        (bz2.compress if suffix == "bz2" else zstandard.compress)(joined[a:b])
        for a, b in zip([0, *ends], [*ends, None], strict=True)
    ]
    for damaged in (10, 20, 21, 22, 58):
        middle = len(streams[damaged]) // 2
        streams[damaged] = streams[damaged][:middle] + bytes(40) + streams[damaged][middle + 40 :]
    content, name = b"".join(streams), f"x-pages-articles.xml.{suffix}"
    starts = [sum(map(len, streams[:n])) for n in range(len(streams))]
    whole = read(content, name)
    assert sum(isinstance(record, Unreadable) for record in whole) >= 3
    for cuts in (starts, starts[::2], starts[::7], [0, starts[21]]):
        parts = [read(content, name, start=a, stop=b) for a, b in zip(cuts, [*cuts[1:], None], strict=True)]
        assert [record for part in parts for record in part] == whole


@settings(max_examples=100, deadline=None)
@given(at=st.floats(0, 1), cut=st.integers(0, 99), noise=st.binary(max_size=99), packed=st.booleans())
def test_no_damage_stops_the_reader(at: float, cut: int, noise: bytes, packed: bool) -> None:
    content = bz2.compress(dump(*PAGES[:5])) if packed else dump(*PAGES[:5])
    begin = int(at * len(content))
    found = read(
        content[:begin] + noise + content[begin + cut :],
        "x-pages-articles.xml.bz2" if packed else "x-pages-articles.xml",
    )
    assert packed or len(found) >= 1
    assert all(record.place and (isinstance(record, Record) or record.error) for record in found)


def test_variants_are_those_of_the_wiki_s_language() -> None:
    content = dump(page(1, "-{zh-cn:软件;zh-tw:軟體}-"))
    [german], [chinese] = read(content), read(content.replace(b'xml:lang="de"', b'xml:lang="zh"'))
    assert german.fields["text"] == "-{zh-cn:软件;zh-tw:軟體}-"
    assert chinese.fields["text"] == "软件"
