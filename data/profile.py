"""What a stage counts about its documents: numbers and flat tables of numbers, so that shards add up.

Everything is counted over whole Arrow columns, at 1 to 2 GB of text a second: next to nothing beside the work of a stage.
"""

from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NUMBERS = ("documents_out", "bytes_out", "characters_out")
TABLES = (
    "documents_by_source",
    "bytes_by_source",
    "licenses",
    "lengths_out",
    "languages_out",
    "language_scores_out",
    "dropped",
    "bytes_dropped",
    "languages",
    "language_scores",
)


class Profile:
    """Adds up the documents that a stage keeps and drops, a table of `data.documents` or a batch of one at a time."""

    def __init__(self) -> None:
        self._numbers: Counter[str] = Counter()
        self._tables: dict[str, Counter[str]] = {name: Counter() for name in TABLES}

    def keep(self, documents: pa.Table | pa.RecordBatch) -> None:
        """Count documents that the stage passes on, as it passes them on."""
        text = documents["text"]
        self._numbers["documents_out"] += len(text)
        self._numbers["bytes_out"] += text_bytes(text)
        self._numbers["characters_out"] += pc.sum(pc.utf8_length(text)).as_py() or 0
        self._tables["documents_by_source"].update(count_values(documents["source"]))
        self._tables["bytes_by_source"].update(count_bytes(documents["source"], text))
        self._tables["licenses"].update(count_values(documents["license"]))
        self._tables["lengths_out"].update(count_lengths(text))
        self._tables["languages_out"].update(count_values(documents["language"]))
        self._tables["language_scores_out"].update(count_scores(documents["language_score"]))
        self._identified(documents)

    def drop(self, rejected: pa.Table | pa.RecordBatch) -> None:
        """Count documents that the stage drops, by their rule."""
        self._tables["dropped"].update(count_values(rejected["rule"]))
        self._tables["bytes_dropped"].update(count_bytes(rejected["rule"], rejected["text"]))
        self._identified(rejected)

    def _identified(self, documents: pa.Table | pa.RecordBatch) -> None:
        self._tables["languages"].update(count_values(documents["language"]))
        self._tables["language_scores"].update(count_scores(documents["language_score"]))

    def counts(self) -> dict[str, int | dict[str, int]]:
        """The counts of a shard.

        `documents_out`, `bytes_out` (UTF-8), `characters_out`; of the kept `documents_by_source`, `bytes_by_source`,
        `licenses`, `lengths_out` (characters, see `count_lengths`), `languages_out`, `language_scores_out` (see
        `count_scores`); `dropped` and `bytes_dropped` by rule; `languages` and `language_scores` of kept and dropped.
        """
        numbers = {name: self._numbers[name] for name in NUMBERS}
        return {**numbers, **{name: dict(sorted(counts.items())) for name, counts in self._tables.items()}}


def text_bytes(texts: pa.Array | pa.ChunkedArray) -> int:
    """Bytes of all texts in UTF-8; a null has none."""
    return pc.sum(pc.binary_length(texts)).as_py() or 0


def count_values(column: pa.Array | pa.ChunkedArray) -> dict[str, int]:
    """How often each value occurs, nulls aside."""
    found = pc.value_counts(column.drop_null())
    return dict(zip(found.field("values").to_pylist(), found.field("counts").to_pylist(), strict=True))


def count_bytes(keys: pa.Array | pa.ChunkedArray, texts: pa.Array | pa.ChunkedArray) -> dict[str, int]:
    """Bytes of the texts by the key beside each."""
    sums = pa.table({"key": keys, "bytes": pc.binary_length(texts)}).group_by("key").aggregate([("bytes", "sum")])
    return dict(zip(sums["key"].to_pylist(), sums["bytes_sum"].to_pylist(), strict=True))


def count_lengths(texts: pa.Array | pa.ChunkedArray) -> dict[str, int]:
    """Texts by their number of characters: "1024" counts those of 1,024 to 2,047, "0" the empty ones."""
    _, exponents = np.frexp(
        pc.utf8_length(texts.drop_null()).to_numpy()
    )  # the exponent of n is its number of binary digits
    return {str(1 << digits >> 1): int(n) for digits, n in enumerate(np.bincount(exponents)) if n}


def count_scores(scores: pa.Array | pa.ChunkedArray) -> dict[str, int]:
    """Scores between 0 and 1 by tenths: "0.6" counts those from 0.6 to below 0.7, "0.9" includes 1."""
    tenths = np.clip((scores.drop_null().to_numpy() * np.float32(10)).astype(int), 0, 9)
    return {f"{tenth / 10:.1f}": int(n) for tenth, n in enumerate(np.bincount(tenths)) if n}
