"""HTML pages, plain or compressed: one document a file, its main content."""

from collections.abc import Iterator

from data.extraction.html import extract
from data.sources.config import SourceConfig
from data.sources.formats.text import read_whole
from data.sources.record import Record, Unreadable, excerpt
from data.sources.streams.input import Input, ReadLimits


def read_html(input: Input, source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    """The main content of the page and its title as one record."""
    page = read_whole(input, limits)
    if isinstance(page, Unreadable):
        yield page
        return
    try:
        title, text, left_out = extract(page, extractor=source.extractor)
    except ValueError as problem:
        yield Unreadable("0", str(problem), excerpt(page), len(page))
        return
    yield Record("0", {source.text_field: text} | ({"title": title} if title else {}), len(page), left_out=left_out)
