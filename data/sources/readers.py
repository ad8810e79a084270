"""The readers of the formats, loaded when a file of the format is read: they bring libraries with them."""

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module

from data.sources.files import Format, SourceConfig
from data.sources.input import Input, Limits
from data.sources.record import Record, Unreadable

Reader = Callable[[Input, SourceConfig, Limits], Iterator[Record | Unreadable]]

READERS: dict[Format, str] = {
    "text": "data.sources.text:read_text",
    "jsonl": "data.sources.jsonl:read_jsonl",
    "csv": "data.sources.csv:read_csv",
    "parquet": "data.sources.parquet:read_parquet",
    "arrow": "data.sources.arrow:read_arrow",
    "html": "data.sources.html:read_html",
    "epub": "data.sources.epub:read_epub",
    "warc": "data.sources.warc:read_warc",
    "wikipedia": "data.sources.wikipedia:read_wikipedia",
    "archive": "data.sources.archive:read_archive",
}


@cache
def reader(format: Format) -> Reader:
    """The function that reads files of `format`."""
    module, function = READERS[format].split(":")
    read: Reader = getattr(import_module(module), function)
    return read
