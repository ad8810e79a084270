"""Collect: the sources of a recipe as document shards, extracted and normalised, every record accounted for."""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import groupby
from pathlib import Path
from typing import NamedTuple, TypeAlias

from data.collect.config import CollectConfig
from data.collect.document_writer import DocumentWriter
from data.collect.fields import Document, Fields, fields_of, make_document, withdrawn_uri
from data.collect.withdrawn import read_withdrawn, withdrawn_path
from data.documents import EXCERPT_CHARACTERS, QUARANTINE_SCHEMA, REJECTED_SCHEMA, document_id
from data.sources.config import SourceConfig, format_of
from data.sources.encodings import UTF8
from data.sources.listing import SourceFile, file_name, list_files
from data.sources.readers import reader
from data.sources.record import Record, Unreadable
from data.sources.split import Part, split
from data.sources.streams.input import FileInput, ReadLimits
from data.tables import TableWriter
from data.text.normalise import normalise

MEGABYTE = 1 << 20
DETAILS = {"empty": "no text after extraction and normalisation", "withdrawn": "in the list of what was withdrawn"}
MEMBER = re.compile("(@[0-9]+)?#[^#]*$")  # In a place within an archive this follows the member's name.


@dataclass(frozen=True, slots=True)
class CollectShard:
    """What one task reads: files of one source, or parts of them."""

    key: str
    source: str
    parts: tuple[Part, ...]
    withdrawn: Path | None = None


def plan_shards(config: CollectConfig, base: Path) -> list[CollectShard]:
    """Cut the sources into shards of about `shard_mb` of input: small files together, large ones in parts; no dataset is cut.

    Raises ValueError as `list_files` does, and when the list of what was withdrawn is not there or not UTF-8.
    """
    size = config.shard_mb * MEGABYTE
    withdrawn = None if config.withdrawn is None else withdrawn_path(config.withdrawn, base)
    sources = {source.name: source for source in config.sources}
    groups: list[list[Part]] = []
    for name, files in groupby(list_files(config.sources, base), key=lambda file: file.source):
        held = None  # bytes in the last group; None at the beginning of a source
        for part in (part for file in files for part in split(file, sources[name], size)):
            whole = part.file.format == "datasets"
            if held is None or (not whole and held + part.bytes > size):
                groups.append([])
                held = 0
            groups[-1].append(part)
            held += part.bytes
    return [
        CollectShard(f"{number:05d}-{parts[0].file.source}", parts[0].file.source, tuple(parts), withdrawn)
        for number, parts in enumerate(groups)
    ]


class Dropped(NamedTuple):
    """A document that does not pass, the rule that says so, and the bytes that are counted as lost."""

    document: Document
    rule: str
    bytes: int


Outcome: TypeAlias = Document | Dropped | Unreadable


@dataclass
class Counts:
    """Counts of the records that came in and of their outcomes."""

    documents_in: int = 0
    documents_out: int = 0
    quarantined: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    characters_out: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    bytes_dropped: Counter[str] = field(default_factory=Counter)
    licenses: Counter[str] = field(default_factory=Counter)
    encodings: Counter[str] = field(default_factory=Counter)  # records of files that are not UTF-8
    left_out: Counter[str] = field(default_factory=Counter)  # characters that the extraction left out, by kind
    bits_out: Counter[int] = field(default_factory=Counter)  # documents by how many bits their number of characters has

    def drop(self, rule: str, size: int) -> None:
        """A document of `size` bytes was dropped by `rule`."""
        self.dropped[rule] += 1
        self.bytes_dropped[rule] += size

    def pass_on(self, document: Document) -> None:
        """A document came through."""
        self.documents_out += 1
        self.bytes_out += len(document.text)
        self.characters_out += document.characters
        self.licenses[document.license] += 1
        self.bits_out[document.characters.bit_length()] += 1

    def result(self, source: str) -> dict[str, object]:
        """All counts of a shard of `source`."""
        sources = {"documents_by_source": {source: self.documents_out}, "bytes_by_source": {source: self.bytes_out}}
        counts = {name: dict(value) if isinstance(value, dict) else value for name, value in vars(self).items()}
        left_out = {f"{source}: {kind}": number for kind, number in counts.pop("left_out").items()}
        lengths = {str(1 << bits >> 1): number for bits, number in counts.pop("bits_out").items()}
        counts |= {"left_out": left_out} if left_out else {}
        if not self.encodings:
            del counts["encodings"]
        return counts | {"lengths_out": lengths} | sources  # `data.profile.count_lengths` counts them the same way


def collect_shard(out: Path, shard: CollectShard, config: CollectConfig) -> dict[str, object]:
    """Write the documents of `shard` as `write_documents` does; ids are made from the places of the records.

    A document that was withdrawn goes to rejected.parquet under the rule `withdrawn` and without its text.
    """
    source = next(source for source in config.sources if source.name == shard.source)
    withdrawn = read_withdrawn(shard.withdrawn) if shard.withdrawn else frozenset()

    def make(locator: str, record: Record | Unreadable, fields: Fields) -> Outcome:
        id = document_id(source.name, locator)
        if withdrawn and (uri := withdrawn_uri(withdrawn, id, locator, record, fields)):
            return Dropped(Document(id, b"", 0, uri, source.license, "{}"), "withdrawn", record.bytes)
        return make_document(id, locator, record, fields, source, config.normalise)

    return write_documents(out, shard, source, config, make)


def write_documents(
    out: Path,
    shard: CollectShard,
    source: SourceConfig,
    config: CollectConfig,
    make: Callable[[str, Record | Unreadable, Fields], Outcome],
) -> dict[str, object]:
    """Write what `make(locator, record, fields)` makes of the records of `shard`; gives counts.

    Documents go into documents-NNNNN.parquet, each of about `shard_mb` of text; `content` among the counts is the hash of the
    documents in order (see `data.content`). What is dropped goes to rejected.parquet under its rule, which is `empty` for a
    document without text; a record that cannot be read goes to quarantine.parquet with its error.
    """
    counts = Counts()
    with (
        DocumentWriter(out, source.name, config.shard_mb * MEGABYTE) as documents,
        TableWriter(out / "rejected.parquet", REJECTED_SCHEMA) as rejected,
        TableWriter(out / "quarantine.parquet", QUARANTINE_SCHEMA) as quarantine,
    ):
        for path, fields, record in records_of(shard, source, config):
            counts.documents_in += 1
            counts.bytes_in += record.bytes
            if isinstance(record, Record) and record.encoding != UTF8:
                counts.encodings[record.encoding] += 1
            locator = f"{path}#{record.place}"
            made = make(locator, record, fields)
            if isinstance(made, Document):
                counts.left_out.update(made.left_out)
                made = made if made.text else Dropped(made, "empty", 0)
            if isinstance(made, Unreadable):
                quarantine.append(_quarantine_row(locator, made, source))
                counts.quarantined += 1
            elif isinstance(made, Dropped):
                rejected.append(_rejected_row(made.document, source, made.rule))
                counts.drop(made.rule, made.bytes)
            else:
                documents.append(made)
                counts.pass_on(made)
    return counts.result(source.name) | {"content": str(documents.content)}


def records_of(
    shard: CollectShard, source: SourceConfig, config: CollectConfig
) -> Iterator[tuple[str, Fields, Record | Unreadable]]:
    """The records of the shard, each with the path of its file (or of its dataset)."""
    limits = ReadLimits(config.max_record_mb * MEGABYTE, config.max_file_gb << 30, config.max_members)
    fields = cache(partial(fields_of, source))
    if shard.parts[0].file.format == "datasets":
        # Late, as all readers are: this one brings `datasets`, which takes a second to load.
        from data.sources.formats.hub import read_dataset

        dataset = _dataset_path([part.file for part in shard.parts], source)
        for record in read_dataset(dataset, source, limits):
            yield str(source.path), fields("datasets"), record
        return
    for file, start, stop, _ in shard.parts:
        input = FileInput(file_name(file.path), file.absolute, limits.file_bytes, start, stop)
        for record in reader(file.format)(input, source, limits):
            # A member of an archive has the fields of its own format.
            format = format_of(MEMBER.sub("", record.place)) if file.format == "archive" else file.format
            yield file.path, fields(format), record


def _dataset_path(files: Sequence[SourceFile], source: SourceConfig) -> str:
    """The absolute path of a local dataset, the name of one of the hub."""
    if not files[0].absolute:
        return str(source.path)
    inside = Path(files[0].path).relative_to(os.path.normpath(str(source.path)))  # the files' paths are normalised, too
    return str(Path(files[0].absolute).parents[len(inside.parts) - 1])


def _rejected_row(document: Document, source: SourceConfig, rule: str) -> dict[str, object]:
    """The row of a document that has no text, or none that may be kept."""
    row: dict[str, object] = {
        "id": document.id,
        "text": "",
        "source": source.name,
        "uri": document.uri,
        "license": document.license,
        "meta": document.meta,
    }
    return row | {"rule": rule, "detail": DETAILS[rule]}


def _quarantine_row(locator: str, record: Unreadable, source: SourceConfig) -> dict[str, object]:
    """The row of a record that cannot be read."""
    return {
        "source": source.name,
        "locator": locator,
        "error": normalise(record.error[:EXCERPT_CHARACTERS], "nfc")[:EXCERPT_CHARACTERS],
        "excerpt": normalise(record.excerpt[:EXCERPT_CHARACTERS], "nfc")[:EXCERPT_CHARACTERS],
    }
