"""Deduplication over a corpus of any size, as a map, a shuffle and a reduce.

1. `sign_shard` gives each document its content hash and the keys of its MinHash bands.
2. `match_partition` takes the keys that fall to one partition and links all documents of a bucket to its smallest.
3. `resolve_duplicates` joins links and equal hashes to connected components, of which one document survives.
4. `dedup_shard` drops the others, and what shares words with evaluation files.

Which documents survive depends neither on how the corpus was cut into shards nor on the number of partitions.
"""

import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.content import ContentHasher
from data.dedup.components import connected_components, smallest_members
from data.dedup.config import DedupConfig, PartsConfig
from data.dedup.contamination import Benchmark
from data.dedup.minhash import band_keys
from data.dedup.parts import with_parts
from data.documents import REJECTED_SCHEMA, SCHEMA, add_documents, content_hash, document_file
from data.profile import Profile, text_bytes
from data.tables import TableWriter, read_table, row_groups, write_table


def sign_shard(out: Path, documents: Path, config: DedupConfig) -> dict[str, Any]:
    """Write signatures.parquet: id, source, content hash, characters, and each document's band keys (none if too short)."""
    schema = pa.schema(
        [
            ("id", pa.string()),
            ("source", pa.string()),
            ("content_hash", pa.string()),
            ("characters", pa.int64()),
            ("bands", pa.list_(pa.uint64())),
        ]
    )
    rows: list[dict[str, object]] = []
    for document in read_table(documents, ["id", "source", "text"]).to_pylist():
        text = unicodedata.normalize("NFC", document["text"])
        rows.append(
            {
                "id": document["id"],
                "source": document["source"],
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
    found = [_band_keys_of(file, partition, partitions) for file in signatures if config.minhash]
    keys = np.concatenate([np.empty(0, np.uint64), *(keys for keys, _ in found)])
    ids = np.concatenate([np.empty(0, "S32"), *(ids for _, ids in found)])
    order = np.lexsort((ids, keys))
    keys, ids = keys[order], ids[order]
    opens = np.concatenate([[True], keys[1:] != keys[:-1]])[
        : len(keys)
    ]  # True where a bucket begins; its first id is its smallest
    smallest = ids[np.maximum.accumulate(np.where(opens, np.arange(len(keys)), 0))]
    edges = np.unique(np.stack([smallest[~opens], ids[~opens]], axis=1), axis=0)
    schema = pa.schema([("smallest", pa.string()), ("id", pa.string())])
    table = pa.table([pa.array(edges[:, column].astype(str)) for column in (0, 1)], schema=schema)
    write_table(out / "edges.parquet", table, schema)
    return {"edges": len(edges), "keys": len(keys)}


def _band_keys_of(file: Path, partition: int, partitions: int) -> tuple[np.ndarray, np.ndarray]:
    """Keys and ids of the bands in one signature file that fall to `partition`."""
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

    Returns, beside other counts, the documents of each source and those in its largest group of near-duplicates, copies aside.
    """
    exact = config is None or config.exact
    schema = pa.schema([("id", pa.string()), ("reason", pa.string()), ("kept", pa.string())])
    documents = pa.concat_tables(read_table(file, ["id", "source", "content_hash"]) for file in signatures)
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
    kept = smallest_members(labels)  # nodes are numbered in the order of (content hash, id)
    reasons = np.full(len(ids), "near_duplicate", object)
    reasons[copies] = "exact_duplicate"
    dropped = by_id[kept[by_id] != by_id]
    columns = (ids[dropped].astype(str), reasons[dropped], ids[kept[dropped]].astype(str))
    write_table(
        out / "duplicates.parquet", pa.table([pa.array(c, pa.string()) for c in columns], schema=schema), schema
    )
    sources, largest = _largest_groups(documents["source"].combine_chunks(), labels, copies)
    return {
        "documents": len(ids),
        "duplicates": len(dropped),
        "components": int(labels.max(initial=-1)) + 1,
        "documents_in_by_source": sources,
        "largest_near_duplicates": largest,
    }


def _largest_groups(sources: pa.Array, labels: np.ndarray, copies: np.ndarray) -> tuple[dict[str, int], dict[str, int]]:
    """By source its documents, and those in its largest group of two or more that are no copies; all arrays (documents,)."""
    encoded = sources.dictionary_encode()
    codes, names = encoded.indices.to_numpy(), encoded.dictionary.to_pylist()
    documents = {name: int(count) for name, count in zip(names, np.bincount(codes, minlength=len(names)), strict=True)}
    groups, sizes = np.unique(np.delete(codes * (int(labels.max(initial=0)) + 1) + labels, copies), return_counts=True)
    most = np.zeros(len(names), np.int64)
    np.maximum.at(most, groups // (int(labels.max(initial=0)) + 1), sizes)
    largest = {name: int(count) for name, count in zip(names, most, strict=True) if count > 1}
    return dict(sorted(documents.items())), dict(sorted(largest.items()))


def dedup_shard(
    out: Path,
    documents: Path,
    duplicates: Path,
    config: DedupConfig,
    benchmark: Path | None = None,
    parts: PartsConfig | None = None,
) -> dict[str, Any]:
    """Write documents-00000.parquet without duplicates and contaminated documents, and these to rejected.parquet.

    With `parts`, long documents that are no duplicates are cut, and a part counts as a document: among the counts
    are `documents_cut`, and `documents_added`, by how many documents there are more for that.

    `duplicates` is what `resolve_duplicates` wrote, `benchmark` the folder of what `read_benchmark` wrote. The detail of a
    duplicate is the id that is kept in its place, that of a contaminated document the words that it shares. Returns the counts of
    data.profile and `content`, the hash of the documents that stay, in order.
    """
    ids = read_table(documents, ["id"])["id"].to_pylist()
    here = pq.read_table(duplicates, filters=[("id", "in", ids)]).to_pylist() if ids else []
    reasons = {row["id"]: (row["reason"], row["kept"]) for row in here}
    kept_out = Benchmark.load(benchmark, config.contamination.ngram) if benchmark and config.contamination else None

    def why_dropped(id: str, text: str) -> tuple[str | None, str | None]:
        if id in reasons or kept_out is None:
            return reasons.get(id, (None, None))
        shared = kept_out.shared_row(text)
        return ("contaminated", shared) if shared else (None, None)

    profile, hasher, bytes_in, cuts = Profile(), ContentHasher(), 0, Counter[str]()
    with (
        TableWriter(out / document_file(), SCHEMA, even_empty=True) as kept_file,
        TableWriter(out / "rejected.parquet", REJECTED_SCHEMA) as rejected_file,
    ):
        for group in row_groups(documents):
            if parts:
                whole = group
                group, cut = with_parts(group, reasons, parts)
                cuts.update(documents_cut=cut, documents_added=len(group) - len(whole))
            found = [why_dropped(id.as_py(), text.as_py()) for id, text in zip(group["id"], group["text"], strict=True)]
            rules, details = (pa.array([each[place] for each in found], pa.string()) for place in (0, 1))
            kept = group.filter(rules.is_null())
            marked = group.append_column("rule", rules).append_column("detail", details)
            rejected = marked.filter(rules.is_valid())
            kept_file.write(kept)
            rejected_file.write(rejected)
            add_documents(hasher, kept)
            profile.keep(kept)
            profile.drop(rejected)
            bytes_in += text_bytes(group["text"])
    counts = {"documents_in": len(ids), "quarantined": 0, "bytes_in": bytes_in, **cuts}
    return counts | profile.counts() | {"content": str(hasher.content)}
