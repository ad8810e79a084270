"""Collect: the sources of a recipe as document shards, extracted and normalised, every record accounted for."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from data.normalise import normalise
from data.sources.files import CollectConfig, SourceConfig, SourceFile, list_files
from data.sources.record import Record, Unreadable

__all__ = ["CollectConfig", "CollectShard", "SourceConfig", "SourceFile", "collect_shard", "list_files", "plan_shards"]

MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class CollectShard:
    """Files of one source that one task reads."""

    key: str
    source: str
    files: tuple[SourceFile, ...]


def plan_shards(config: CollectConfig, base: Path) -> list[CollectShard]:
    """Cut the sources into shards of about `shard_mb` of input; neither a file nor a dataset is cut.

    Raises ValueError as `list_files` does.
    """
    groups: list[list[SourceFile]] = []
    for _, files in groupby(list_files(config, base), key=lambda file: file.source):
        held = None  # bytes in the last group
        for file in files:
            whole = file.format == "datasets"
            if held is None or (not whole and held + file.bytes > config.shard_mb * MEGABYTE):
                groups.append([])
                held = 0
            groups[-1].append(file)
            held += file.bytes
    return [CollectShard(f"{n:05d}-{files[0].source}", files[0].source, tuple(files)) for n, files in enumerate(groups)]


def collect_shard(out: Path, shard: CollectShard, config: CollectConfig) -> dict[str, object]:
    """Write the documents of `shard` into documents-NNNNN.parquet, each of about `shard_mb` of text; return counts.

    A record without text goes to rejected.parquet under the rule `empty`, one that cannot be read to
    quarantine.parquet with its error.
    """
    from data.documents import QUARANTINE_SCHEMA, REJECTED_SCHEMA, SCHEMA, TableWriter, write_table

    source = next(source for source in config.sources if source.name == shard.source)
    totals: Counter[str] = Counter()
    licenses: Counter[str] = Counter()
    part: list[dict[str, object]] = []
    part_bytes = parts = 0
    with (
        TableWriter(out / "rejected.parquet", REJECTED_SCHEMA) as rejected,
        TableWriter(out / "quarantine.parquet", QUARANTINE_SCHEMA) as quarantine,
    ):
        for path, record in _records(shard, source, config):
            totals["documents_in"] += 1
            totals["bytes_in"] += record.bytes
            found = record if isinstance(record, Unreadable) else _document(path, record, source, config)
            if isinstance(found, Unreadable):
                totals["quarantined"] += 1
                quarantine.append(_quarantine_row(path, found, source))
                continue
            text = str(found["text"])
            if not text:
                totals["empty"] += 1
                rejected.append(found | {"rule": "empty", "detail": "no text after extraction and normalisation"})
                continue
            size = len(text.encode())
            totals["documents_out"] += 1
            totals["bytes_out"] += size
            totals["characters_out"] += len(text)
            licenses[str(found["license"])] += 1
            if part and part_bytes + size > config.shard_mb * MEGABYTE:
                write_table(out / f"documents-{parts:05d}.parquet", part, SCHEMA)
                part, part_bytes, parts = [], 0, parts + 1
            part.append(found)
            part_bytes += size
    write_table(
        out / f"documents-{parts:05d}.parquet", part, SCHEMA
    )  # the last, or an empty one where nothing came through
    return {
        "documents_in": totals["documents_in"],
        "documents_out": totals["documents_out"],
        "dropped": {"empty": totals["empty"]} if totals["empty"] else {},
        "quarantined": totals["quarantined"],
        "bytes_in": totals["bytes_in"],
        "bytes_out": totals["bytes_out"],
        "characters_out": totals["characters_out"],
        "documents_by_source": {source.name: totals["documents_out"]},
        "bytes_by_source": {source.name: totals["bytes_out"]},
        "licenses": dict(sorted(licenses.items())),
    }


def _records(
    shard: CollectShard, source: SourceConfig, config: CollectConfig
) -> Iterator[tuple[str, Record | Unreadable]]:
    """The records of the shard, each with the path of its file (or of its dataset)."""
    limit = config.max_record_mb * MEGABYTE
    if shard.files[0].format == "datasets":
        from data.sources.hub import read_dataset

        dataset = _dataset_path(shard.files, source)
        for record in read_dataset(dataset, source.config, source.split, source.revision, source.columns, limit):
            yield str(source.path), record
        return
    for file in shard.files:
        for record in _read(file, source, limit):
            yield file.path, record


def _dataset_path(files: tuple[SourceFile, ...], source: SourceConfig) -> str:
    """The absolute path of a local dataset, the name of one of the hub."""
    if not files[0].absolute:
        return str(source.path)
    inside = Path(files[0].path).relative_to(Path(str(source.path)))
    return str(Path(files[0].absolute).parents[len(inside.parts) - 1])


def _read(file: SourceFile, source: SourceConfig, limit: int) -> Iterator[Record | Unreadable]:
    path = Path(file.absolute)
    match file.format:
        case "text":
            from data.sources.text import read_text

            return read_text(path, source.text_field, limit)
        case "html":
            from data.sources.html import read_html

            return read_html(path, source.text_field, limit)
        case "jsonl":
            from data.sources.jsonl import read_jsonl

            return read_jsonl(path, limit)
        case "parquet":
            from data.sources.parquet import read_parquet

            return read_parquet(path, source.columns, limit)
        case _:
            raise AssertionError(file.format)


def _document(path: str, record: Record, source: SourceConfig, config: CollectConfig) -> dict[str, object] | Unreadable:
    """The row of the documents' table for `record`, or what is wrong with its fields."""
    from data.documents import document_id

    locator = f"{path}#{record.place}"
    try:
        text = _string(record.fields, source.text_field)
        if text is None:
            raise TypeError(f"field {source.text_field!r}, which text_field names, is missing")
        uri = _string(record.fields, source.uri_field) or locator
        license = _string(record.fields, source.license_field) or source.license
    except TypeError as problem:
        beginning = json.dumps(dict(record.fields), default=str)
        return Unreadable(record.place, str(problem), beginning, record.bytes)
    meta = {name: record.fields[name] for name in source.meta_fields if name in record.fields}
    if source.id_field is not None and source.id_field in record.fields:
        meta["id"] = record.fields[source.id_field]
    return {
        "id": document_id(source.name, locator),
        "text": normalise(text, config.normalise),
        "source": source.name,
        "uri": normalise(uri, "nfc"),
        "license": normalise(license, "nfc"),
        "meta": json.dumps(meta, sort_keys=True, default=str),
    }


def _string(fields: Mapping[str, object], name: str | None) -> str | None:
    """The field's value, None when it is absent or null. Raises TypeError for a value that is no string."""
    value = None if name is None else fields.get(name)
    if value is not None and not isinstance(value, str):
        raise TypeError(f"field {name!r} is not a string but {type(value).__name__}")
    return value


def _quarantine_row(path: str, record: Unreadable, source: SourceConfig) -> dict[str, object]:
    from data.documents import EXCERPT_CHARACTERS

    return {
        "source": source.name,
        "locator": f"{path}#{record.place}",
        "error": normalise(record.error, "nfc"),
        "excerpt": normalise(record.excerpt[:EXCERPT_CHARACTERS], "nfc")[:EXCERPT_CHARACTERS],
    }
