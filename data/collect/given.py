"""Documents of others become document shards: ids and texts are taken as they are, and no id may stand twice."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from data.collect.collect import MEGABYTE, CollectShard, Counts, plan_shards, quarantine_row, records_of, rejected_row
from data.collect.document_writer import DocumentWriter
from data.collect.fields import Document, Fields, make_document
from data.collect.given_config import DocumentsConfig
from data.documents import QUARANTINE_SCHEMA, REJECTED_SCHEMA
from data.sources.config import SourceConfig
from data.sources.record import Record, Unreadable
from data.tables import TableWriter, row_groups

FORMATS = ("jsonl", "parquet", "arrow")
PARTITION_DOCUMENTS = 10_000_000  # whose ids one task holds, as hashes of 8 bytes


def plan_given(config: DocumentsConfig, base: Path) -> list[CollectShard]:
    """The shards of all sources. Raises ValueError for a file that is not there or has no records with fields."""
    shards = plan_shards(config.collect, base)
    for shard in shards:
        for part in shard.parts:
            if part.file.format not in FORMATS:
                raise ValueError(
                    f"documents.sources: {part.file.path}: documents with ids are taken from JSON Lines, Parquet and Arrow "
                    f"files; text of the format {part.file.format} is a source of `collect`"
                )
    return shards


def take_documents(out: Path, shard: CollectShard, config: DocumentsConfig) -> dict[str, object]:
    """Write the documents of `shard` into documents-NNNNN.parquet, each of about `shard_mb` of text; gives counts.

    `content` among them is the hash of the documents in order. A record without text goes to rejected.parquet; one without an id,
    or that cannot be read, goes to quarantine.parquet with its error.
    """
    collect = config.collect
    source = next(source for source in collect.sources if source.name == shard.source)
    counts = Counts()
    with (
        DocumentWriter(out, source.name, config.shard_mb * MEGABYTE) as documents,
        TableWriter(out / "rejected.parquet", REJECTED_SCHEMA) as rejected,
        TableWriter(out / "quarantine.parquet", QUARANTINE_SCHEMA) as quarantine,
    ):
        for path, fields, record in records_of(shard, source, collect):
            counts.documents_in += 1
            counts.bytes_in += record.bytes
            locator = f"{path}#{record.place}"
            found = _document(locator, record, fields, source)
            if isinstance(found, Unreadable):
                quarantine.append(quarantine_row(locator, found, source))
                counts.quarantined += 1
            elif not found.text:
                rejected.append(rejected_row(found, source, "empty"))
                counts.drop("empty", 0)
            else:
                documents.append(found)
                counts.pass_on(found)
    return counts.result(source.name) | {"content": str(documents.content)}


def _document(locator: str, record: Record | Unreadable, fields: Fields, source: SourceConfig) -> Document | Unreadable:
    own = record.fields.get(fields.id or "") if isinstance(record, Record) else None
    if isinstance(record, Record) and (not isinstance(own, str | int) or isinstance(own, bool) or own == ""):
        return Unreadable(
            record.place, f"no id: {source.id_field!r} has to be a text or a whole number", "", record.bytes
        )
    return make_document(str(own), locator, record, fields, source, None)


def partitions(documents: int) -> int:
    """Into how many tasks the comparison of this many ids is cut."""
    return 1 + documents // PARTITION_DOCUMENTS


def check_ids(out: Path, documents: Sequence[Path], partition: int, partitions: int) -> dict[str, Any]:
    """Compare those ids of all documents that fall into one of the partitions; raises ValueError for one that stands twice."""
    parts = [_hashes(path)[1] for path in documents]
    mine = np.concatenate([part[part % partitions == partition] for part in parts]) if parts else np.empty(0, np.uint64)
    values, times = np.unique(mine, return_counts=True)
    if (times > 1).any():
        raise ValueError(_twice(documents, int(values[times > 1][0])))
    return {"ids": len(values)}


def _hashes(path: Path) -> tuple[list[str], np.ndarray]:
    ids = [id for rows in row_groups(path, ["id"]) for id in rows["id"].to_pylist()]
    return ids, np.fromiter((xxhash.xxh3_64_intdigest(id.encode()) for id in ids), np.uint64, len(ids))


def _twice(documents: Sequence[Path], hash: int) -> str:
    """What is wrong with the ids that have this hash: which it is, and how often it stands there."""
    found: Counter[str] = Counter()
    for path in documents:
        ids, hashes = _hashes(path)
        found.update(ids[number] for number in np.flatnonzero(hashes == hash))
    id, times = found.most_common(1)[0]
    return (
        f"documents.sources: the id {id!r} stands {times} times; ids have to differ, also between sources: name another field in "
        "id_field, or begin with `collect`, which makes ids of its own"
    )
