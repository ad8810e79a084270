"""HTML files as a source: one record a file, pages past the bounds in quarantine."""

import gzip

from data.sources.config import SourceConfig
from data.sources.formats.html import read_html
from data.sources.record import Record, Unreadable
from data.sources.streams.input import BytesInput, ReadLimits

SOURCE = SourceConfig(name="pages", path="*.html", text_field="body")
LIMITS = ReadLimits(record_bytes=1_000_000)
PAGE = b"<html><head><title>On foxes</title></head><body><main><h1>Foxes</h1><p>They jump.</p></main></body></html>"


def test_a_page_is_a_record_with_its_title() -> None:
    for input in (BytesInput("a.html", PAGE), BytesInput("a.html.gz", gzip.compress(PAGE))):
        [record] = read_html(input, SOURCE, LIMITS)
        assert record == Record("0", {"body": "Foxes\n\nThey jump.", "title": "On foxes"}, len(PAGE))


def test_a_page_without_a_title_has_no_such_field() -> None:
    [record] = read_html(BytesInput("a.html", b"<p>They jump."), SOURCE, LIMITS)
    assert record == Record("0", {"body": "They jump."}, 13)


def test_the_extractor_is_the_one_of_the_source() -> None:
    table = PAGE.replace(b"</main>", b"<table><tr><td>a</td><td>b</td></tr></table></main>")
    source = SOURCE.model_copy(update={"extractor": "trafilatura"})
    [record] = read_html(BytesInput("a.html", table), source, LIMITS)
    assert isinstance(record, Record) and "a | b" in str(record.fields["body"])


def test_what_cannot_be_read_says_why() -> None:
    deep = b"<div>" * 20_000
    [record] = read_html(BytesInput("a.html", deep), SOURCE, LIMITS)
    assert isinstance(record, Unreadable) and "deep" in record.error and record.excerpt.startswith("<div>")
    assert record.bytes == len(deep)
    [record] = read_html(BytesInput("a.html", PAGE), SOURCE, ReadLimits(record_bytes=50))
    assert isinstance(record, Unreadable) and "max_record_mb" in record.error
    [record] = read_html(BytesInput("a.html.gz", gzip.compress(PAGE)[:-9]), SOURCE, LIMITS)
    assert isinstance(record, Unreadable) and record.error.startswith("the rest of the file cannot be read")
