"""HTML pages, plain or compressed: one document a file, its main content."""

from collections.abc import Iterator
from pathlib import Path

from data.extract import html_to_text
from data.sources.record import Record, Unreadable
from data.sources.text import KEPT_BYTES, read_whole


def read_html(path: Path, text_field: str, limit: int) -> Iterator[Record | Unreadable]:
    """The main content of the page as one record."""
    page = read_whole(path, limit)
    if isinstance(page, Unreadable):
        yield page
        return
    try:
        yield Record(0, {text_field: html_to_text(page)}, len(page))
    except ValueError as problem:
        yield Unreadable(0, str(problem), page[:KEPT_BYTES].decode(errors="replace"), len(page))
