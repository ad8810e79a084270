"""A bounded sample of a stage's documents, the same one each time, and what the quality rules measure in it."""

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from data.text.words import WordSplitter

DOCUMENTS = 300  # the size of a sample, about
SPREAD = 30  # files from which a sample is taken, at most
CHARACTERS = 10_000  # of each document, from its start, that are measured
PERCENTILES = (10, 50, 90)


def sample(files: Sequence[Path]) -> "pa.Table":
    """About DOCUMENTS documents, or all if there are fewer.

    They are the first documents of evenly spaced files, of each in proportion to its size.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from data.documents import SCHEMA

    chosen = [files[len(files) * n // SPREAD] for n in range(SPREAD)] if len(files) > SPREAD else files
    total = sum(pq.read_metadata(path).num_rows for path in chosen)
    batches: list[pa.RecordBatch] = []
    for path in chosen:
        with pq.ParquetFile(path) as file:
            rows = math.ceil(file.metadata.num_rows * min(1.0, DOCUMENTS / max(total, 1)))
            batches += islice(file.iter_batches(max(rows, 1)), 1)
    return pa.Table.from_batches(batches, SCHEMA)


def measure(documents: "pa.Table", splitter: "WordSplitter") -> dict[str, list[float]]:
    """The PERCENTILES of what each quality rule measures in the documents, by the rule's name."""
    import numpy as np

    values: dict[str, list[float]] = {}
    for text in documents["text"].to_pylist():
        for rule, value in _measures(text[:CHARACTERS], splitter):
            values.setdefault(rule, []).append(value)
    return {rule: np.percentile(each, PERCENTILES).tolist() for rule, each in values.items()}


def _measures(text: str, splitter: "WordSplitter") -> Iterator[tuple[str, float]]:
    from data.clean.filters.families import FAMILIES
    from data.text.word_arrays import words_of

    words = words_of(text, splitter)
    for family in FAMILIES.values():
        if family.measures and len(words):
            for rule, value in family.measures(text, words, family.config()):
                yield f"{family.name}.{rule}", value
