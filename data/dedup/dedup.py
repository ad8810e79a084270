"""Deduplication over a corpus of any size, as a map, a shuffle and a reduce.

1. `sign_shard` gives each document its content hash and the keys of its MinHash bands.
2. `match_partition` takes the keys that fall to one partition and links all documents of a bucket to its smallest.
3. `resolve_duplicates` joins links and equal hashes to connected components, of which one document survives.
4. `dedup_shard` drops the others, and what shares n-grams with evaluation files.

Which documents survive depends neither on how the corpus was cut into shards nor on the number of partitions.
"""

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict

from data.dedup.contamination import ContaminationConfig, benchmark_ngrams, shared_ngram
from data.dedup.minhash import MinHashConfig, band_keys

if TYPE_CHECKING:
    import numpy as np


class DedupConfig(BaseModel):
    """What counts as a duplicate; `null` switches a section off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    exact: bool = True  # equal texts, after Unicode normalisation (NFC)
    minhash: MinHashConfig | None = MinHashConfig()  # near-duplicates
    contamination: ContaminationConfig | None = None  # evaluation files that training text must not share n-grams with


def sign_shard(out: Path, documents: Path, config: DedupConfig) -> dict[str, Any]:
    """Write signatures.parquet: id, content hash, characters, and the band keys of each document (none if too short)."""
    import pyarrow as pa

    from data.documents import content_hash, read_table, write_table

    schema = pa.schema(
        [
            ("id", pa.string()),
            ("content_hash", pa.string()),
            ("characters", pa.int64()),
            ("bands", pa.list_(pa.uint64())),
        ]
    )
    rows: list[dict[str, object]] = []
    for document in read_table(documents, ["id", "text"]).to_pylist():
        text = unicodedata.normalize("NFC", document["text"])
        rows.append(
            {
                "id": document["id"],
                "content_hash": content_hash(text),
                "characters": len(text),
                "bands": band_keys(text, config.minhash) if config.minhash else [],
            }
        )
    write_table(out / "signatures.parquet", rows, schema)
    return {"documents": len(rows), "documents_without_signature": sum(not row["bands"] for row in rows)}


def match_partition(
    out: Path, signatures: list[Path], partition: int, partitions: int, config: DedupConfig
) -> dict[str, Any]:
    """Write edges.parquet: for the band keys that fall to `partition`, each document of a bucket with its smallest.

    A key falls to the partition of its remainder; every key is in exactly one, so partitions can run side by side.
    """
    import numpy as np
    import pyarrow as pa

    from data.documents import write_table

    found = [_band_keys_of(file, partition, partitions) for file in signatures if config.minhash]
    keys = np.concatenate([np.empty(0, np.uint64), *(keys for keys, _ in found)])
    ids = np.concatenate([np.empty(0, "S32"), *(ids for _, ids in found)])
    order = np.lexsort((ids, keys))
    keys, ids = keys[order], ids[order]
    opens = np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)]  # where a bucket begins, with its smallest id
    smallest = ids[np.maximum.accumulate(np.where(opens, np.arange(len(keys)), 0))]
    edges = np.unique(np.stack([smallest[~opens], ids[~opens]], axis=1), axis=0)
    schema = pa.schema([("smallest", pa.string()), ("id", pa.string())])
    table = pa.table([pa.array(edges[:, column].astype(str)) for column in (0, 1)], schema=schema)
    write_table(out / "edges.parquet", table, schema)
    return {"edges": len(edges), "keys": len(keys)}


def _band_keys_of(file: Path, partition: int, partitions: int) -> tuple["np.ndarray", "np.ndarray"]:
    """Keys and ids of the bands in one signature file that fall to `partition`."""
    import numpy as np
    import pyarrow.compute as pc

    from data.documents import read_table

    table = read_table(file, ["id", "bands"]).combine_chunks()
    keys = pc.list_flatten(table["bands"]).to_numpy()
    rows = pc.list_parent_indices(table["bands"]).to_numpy()
    mine = keys % np.uint64(partitions) == partition
    return keys[mine], table["id"].to_numpy().astype("S32")[rows[mine]]


def resolve_duplicates(
    out: Path, signatures: list[Path], edges: list[Path], config: DedupConfig | None = None
) -> dict[str, Any]:
    """Write duplicates.parquet: id, reason and the id that is kept, for every document that does not survive.

    The survivor of a component is its smallest (content hash, id). Of the others, a document whose text also stands
    under a smaller id is an `exact_duplicate`, the rest are `near_duplicate`.
    """
    import numpy as np
    import pyarrow as pa

    from data.dedup.components import connected_components, smallest_members
    from data.documents import read_table, write_table

    exact = config is None or config.exact
    schema = pa.schema([("id", pa.string()), ("reason", pa.string()), ("kept", pa.string())])
    documents = pa.concat_tables(read_table(file, ["id", "content_hash"]) for file in signatures)
    documents = documents.sort_by([("content_hash", "ascending"), ("id", "ascending")])
    ids, hashes = (documents[name].to_numpy().astype("S32") for name in ("id", "content_hash"))
    copies = np.flatnonzero(hashes[1:] == hashes[:-1]) + 1 if exact else np.empty(0, np.int64)
    links = [np.stack([copies - 1, copies], axis=1)]
    by_id = np.argsort(ids)
    for file in edges:
        table = read_table(file)
        ends = [
            by_id[np.searchsorted(ids, table[name].to_numpy().astype("S32"), sorter=by_id)]
            for name in table.column_names
        ]
        links.append(np.stack(ends, axis=1).astype(np.int64))
    labels = connected_components(len(ids), np.concatenate(links))
    kept = smallest_members(labels)  # nodes are numbered by (content hash, id)
    reasons = np.full(len(ids), "near_duplicate", object)
    reasons[copies] = "exact_duplicate"
    dropped = by_id[kept[by_id] != by_id]
    columns = (ids[dropped].astype(str), reasons[dropped], ids[kept[dropped]].astype(str))
    write_table(
        out / "duplicates.parquet", pa.table([pa.array(c, pa.string()) for c in columns], schema=schema), schema
    )
    return {"documents": len(ids), "duplicates": len(dropped), "components": int(labels.max(initial=-1)) + 1}


def dedup_shard(
    out: Path, documents: Path, duplicates: Path, config: DedupConfig, benchmark_files: list[Path]
) -> dict[str, Any]:
    """Write documents-00000.parquet without duplicates and contaminated documents, and these to rejected.parquet.

    `duplicates` is what `resolve_duplicates` wrote. The detail of a duplicate is the id that is kept in its place, that
    of a contaminated document the n-gram that it shares.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from data.documents import REJECTED_SCHEMA, SCHEMA, read_table, write_table
    from data.profile import Profile, text_bytes

    table = read_table(documents)
    here = pq.read_table(duplicates, filters=[("id", "in", table["id"].to_pylist())]) if len(table) else None
    reasons = {row["id"]: (row["reason"], row["kept"]) for row in here.to_pylist()} if here else {}
    contamination = config.contamination
    benchmark = benchmark_ngrams(benchmark_files, contamination.ngram) if contamination else None
    rules: list[str | None] = []
    details: list[str | None] = []
    for id, text in zip(table["id"].to_pylist(), table["text"], strict=True):
        rule, detail = reasons.get(id, (None, None))
        if not rule and contamination and benchmark is not None:
            detail = shared_ngram(text.as_py(), benchmark, contamination.ngram)
            rule = "contaminated" if detail else None
        rules.append(rule)
        details.append(detail)
    marked = table.append_column("rule", pa.array(rules, pa.string())).append_column(
        "detail", pa.array(details, pa.string())
    )
    kept = table.filter(marked["rule"].is_null())
    rejected = marked.filter(marked["rule"].is_valid())
    write_table(out / "documents-00000.parquet", kept, SCHEMA)
    if len(rejected):
        write_table(out / "rejected.parquet", rejected, REJECTED_SCHEMA)
    profile = Profile()
    profile.keep(kept)
    profile.drop(rejected)
    counts = {"documents_in": len(table), "quarantined": 0, "bytes_in": text_bytes(table["text"])}
    return counts | profile.counts()
