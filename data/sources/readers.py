"""The readers of the formats, loaded when a file of the format is read: they bring libraries with them."""

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module

from data.sources.config import Format, SourceConfig
from data.sources.record import Record, Unreadable
from data.sources.streams.input import Input, ReadLimits

Reader = Callable[[Input, SourceConfig, ReadLimits], Iterator[Record | Unreadable]]

READERS: dict[Format, str] = {
    "text": "data.sources.formats.text:read_text",
    "jsonl": "data.sources.formats.jsonl:read_jsonl",
    "csv": "data.sources.formats.csv:read_csv",
    "parquet": "data.sources.formats.parquet:read_parquet",
    "arrow": "data.sources.formats.arrow:read_arrow",
    "html": "data.sources.formats.html:read_html",
    "epub": "data.sources.formats.epub:read_epub",
    "warc": "data.sources.formats.warc:read_warc",
    "wikipedia": "data.sources.formats.wikipedia:read_wikipedia",
    "archive": "data.sources.formats.archive:read_archive",
}


@cache
def reader(format: Format) -> Reader:
    """The function that reads files of `format`."""
    module, function = READERS[format].split(":")
    read: Reader = getattr(import_module(module), function)
    return read
