"""Documents of others become document shards: ids and texts are taken as they are, and no id may stand twice."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

from data.collect.collect import CollectShard, plan_shards, write_documents
from data.collect.fields import Document, Fields, make_document
from data.collect.given_config import DocumentsConfig
from data.sources.record import Record, Unreadable
from data.tables import row_groups

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
    """Write the documents of `shard` as `write_documents` does, with their own ids; one without an id cannot be read."""
    source = next(source for source in config.collect.sources if source.name == shard.source)

    def make(locator: str, record: Record | Unreadable, fields: Fields) -> Document | Unreadable:
        own = record.fields.get(fields.id or "") if isinstance(record, Record) else None
        if isinstance(record, Record) and (not isinstance(own, str | int) or isinstance(own, bool) or own == ""):
            error = f"no id: {source.id_field!r} has to be a text or a whole number"
            return Unreadable(record.place, error, "", record.bytes)
        return make_document(str(own), locator, record, fields, source, None)

    return write_documents(out, shard, source, config.collect, make)


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
