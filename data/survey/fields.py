"""Which field of some records holds their text, told by the names and by what stands in the first records."""

import csv
import io
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from data.sources.config import SourceConfig
from data.sources.encodings import decode
from data.sources.formats.jsonl import read_jsonl
from data.sources.record import DamagedStream, Record
from data.sources.streams.input import FileInput, ReadLimits

ROWS = 50
BEGINNING_BYTES = 1 << 18
TEXT_NAMES = (
    "text",
    "content",
    "body",
    "article",
    "document",
    "story",
    "passage",
    "abstract",
    "description",
    "message",
)
ID_NAMES = ("id", "uuid", "guid", "doc_id")
LEAST_CHARACTERS = 40  # A field of another name has text when its values are so long on average, not words or numbers.
DELIMITERS = (",", ";", "\t", "|")
URI_NAMES = ("url", "uri", "link", "source_url")


class Fields(NamedTuple):
    """The fields of records that a source names."""

    text: str
    id: str | None = None
    uri: str | None = None
    html: bool = False
    delimiter: str | None = None
    """What stands between the columns of a CSV file, where the file's name does not tell."""

    def options(self) -> dict[str, Any]:
        """The settings of a source that are not at their defaults."""
        named: dict[str, Any] = {
            "text_field": self.text if self.text != "text" else None,
            "id_field": self.id,
            "uri_field": self.uri,
            "html": self.html,
            "delimiter": self.delimiter,
        }
        return {name: value for name, value in named.items() if value}


def fields_of(path: Path, format: str) -> Fields | None:
    """The fields of a file's records; None when it cannot be read or no field has text."""
    if format != "csv":
        return _fields(_first_rows(path, format))
    beginning = _beginning(path)
    usual = "\t" if ".tsv" in path.name.lower() else ","
    for delimiter in (usual, *(each for each in DELIMITERS if each != usual)):
        if found := _fields(_csv_rows(beginning, delimiter)):
            return found if delimiter == usual else found._replace(delimiter=delimiter)
    return None


def _fields(rows: Sequence[Mapping[str, Any]]) -> Fields | None:
    texts = {name: [row[name] for row in rows if isinstance(row.get(name), str)] for row in rows for name in row}
    sizes = {name: sum(map(len, values)) for name, values in texts.items() if any(values)}
    if not sizes:
        return None
    most = max(sizes.values())
    # A field that is called text may be shorter than a field of links or code beside it.
    named = [name for name in TEXT_NAMES if sizes.get(name, 0) * 5 > most]
    text = named[0] if named else max(sorted(sizes), key=lambda name: sizes[name])
    if not named and most < LEAST_CHARACTERS * len(rows):
        return None
    html = sum(_is_html(value) for value in texts[text]) * 2 > len(texts[text])
    return Fields(text, _first(ID_NAMES, rows), _first_text(URI_NAMES, rows), html)


def _first(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str | None:
    return next((name for name in names if all(isinstance(row.get(name), str | int) for row in rows)), None)


def _first_text(names: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str | None:
    return next((name for name in names if all(isinstance(row.get(name), str | None) for row in rows if name in row)
                 and any(name in row for row in rows)), None)  # fmt: skip


def _is_html(text: str) -> bool:
    return text.lstrip()[:1] == "<" and "</" in text


def _first_rows(path: Path, format: str) -> list[Mapping[str, Any]]:
    """The first records; none of a file that is damaged."""
    try:
        if format == "jsonl":
            source = SourceConfig(name="sample", path=str(path), id_field="id")
            records = read_jsonl(FileInput(str(path), str(path)), source, ReadLimits(BEGINNING_BYTES * 64))
            return [record.fields for record in islice(records, ROWS) if isinstance(record, Record)]
        if format == "parquet":
            with pq.ParquetFile(path) as file:
                return list(next(file.iter_batches(ROWS), pa.RecordBatch.from_pylist([])).to_pylist())
        with pa.ipc.open_file(path) as reader:
            return list(reader.get_batch(0).slice(0, ROWS).to_pylist())
    except (pa.ArrowException, DamagedStream, IndexError):
        return []


def _beginning(path: Path) -> str:
    """The first lines of a file as text; empty of one that is damaged or no text."""
    try:
        beginning = b"".join(islice(FileInput(str(path), str(path)).chunks(), 1))[:BEGINNING_BYTES]
        return decode(beginning[: beginning.rfind(b"\n") + 1] or beginning, "auto")[0]
    except (DamagedStream, UnicodeError):
        return ""


def _csv_rows(beginning: str, delimiter: str) -> list[Mapping[str, Any]]:
    """The first rows that have as many cells as the header; none where the header is one cell that looks like several."""
    try:
        rows = list(islice(csv.DictReader(io.StringIO(beginning), delimiter=delimiter), ROWS))
    except csv.Error:
        return []
    names = rows[0].keys() if rows else ()
    several = len(names) == 1 and any(each in name for name in names for each in DELIMITERS)
    return [] if several else [row for row in rows if None not in row]
