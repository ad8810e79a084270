"""Which documents are trained on, and which are held out for validation and for the test.

The split is a hash of the document's id: it does not change when documents are added, removed or spread over other shards. Only a
split that would have no document although its share is above 0 gets some of another's, again by their hashes.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import xxhash

from data.tables import read_table, write_table
from data.tokens.config import TokenizeConfig, TokensConfig

Split = Literal["train", "test", "validation"]
SPLITS: tuple[Split, ...] = ("train", "test", "validation")  # in the order in which empty ones are filled
CANDIDATES = 16  # So many documents of each split and shard are remembered, in case another split is empty.
FILE = "splits.parquet"


def place_of(identifier: str) -> float:
    """A number from 0 to below 1 by a hash of a document's id."""
    return xxhash.xxh3_64_intdigest(f"split\0{identifier}".encode()) / 2**64


def split_of(identifier: str, config: TokenizeConfig | TokensConfig) -> Split:
    """The split of a document, by a hash of its id; raising `validation` moves no document into or out of test."""
    place = place_of(identifier)
    if place < config.test:
        return "test"
    return "validation" if place < config.test + config.validation else "train"


def list_splits(out: Path, documents: Path, config: TokenizeConfig) -> dict[str, Any]:
    """Write splits.parquet (split, place, id, documents): of each split of a shard the documents with the smallest hashes.

    `documents` is the number that the split has in the shard.
    """
    places: dict[Split, list[tuple[float, str]]] = {split: [] for split in SPLITS}
    for id in read_table(documents, ["id"])["id"].to_pylist():
        places[split_of(id, config)].append((place_of(id), id))
    rows = [
        {"split": split, "place": place, "id": id, "documents": len(found)}
        for split, found in places.items()
        for place, id in sorted(found)[:CANDIDATES]
    ]
    columns = [("split", pa.string()), ("place", pa.float64()), ("id", pa.string()), ("documents", pa.int64())]
    write_table(out / FILE, rows, pa.schema(columns))
    return {split: len(found) for split, found in places.items()}


def moved_documents(shards: Sequence[Path], config: TokenizeConfig) -> dict[str, Split]:
    """The documents, by id, that go to a split which would be empty, in place of the split of their hash.

    `shards` are the splits.parquet of all shards. An empty split gets its share of the number of documents, at least one, of the
    split that has most: those with the smallest hashes. No split gives its last document.
    """
    found: dict[str, list[tuple[float, str]]] = {split: [] for split in SPLITS}
    numbers: Counter[str] = Counter(dict.fromkeys(SPLITS, 0))
    for path in shards:
        rows = read_table(path).to_pylist()
        numbers.update({row["split"]: row["documents"] for row in rows})
        for row in rows:
            found[row["split"]].append((row["place"], row["id"]))
    shares = {"train": 1 - config.test - config.validation, "test": config.test, "validation": config.validation}
    total, moved = numbers.total(), dict[str, Split]()
    for split in SPLITS:
        if numbers[split] or not shares[split]:
            continue
        giver = max(SPLITS, key=lambda name: numbers[name])
        wanted = min(max(1, round(shares[split] * total)), numbers[giver] - 1)
        given = sorted(found[giver])[: max(0, wanted)]
        found[giver] = sorted(found[giver])[len(given) :]
        numbers[giver] -= len(given)
        numbers[split] += len(given)
        moved |= {id: split for _, id in given}
    return moved
