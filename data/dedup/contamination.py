"""Training text that shares words with evaluation tasks, found by hashes of rows of normalised words.

A document is contaminated when it has one of an item's n-grams; 13 words is the length that GPT-3 used (Brown et al. 2020,
arXiv:2005.14165, appendix C, where it is 8 to 13 by the length of the items). The strings of an item count in their order as
one text, as they are and with the letters of choices before them. Of an item or a string that is shorter than an n-gram a
document must have the whole. What is shorter still contaminates nothing: short answers are common phrases. Nor does a short
string that several items have, such as an instruction or a licence, nor a row of which more than half are numbers:
normalised, they are all alike, and any two tables would share it.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np
import pyarrow as pa

from data.dedup.config import ContaminationConfig
from data.dedup.ngram_hashes import Rows
from data.tables import read_table, write_table

_FILE = "benchmark.parquet"
_SCHEMA = pa.schema([("words", pa.int32()), ("hash", pa.uint64())])
_SEVERAL = 3  # A short string in more items than this says nothing of any of them; fewer may have been given twice.
_Whole = tuple[int, int]  # the number of words of a short item, and their hash


def read_benchmark(out: Path, files: dict[str, Path], config: ContaminationConfig) -> dict[str, Any]:
    """Write benchmark.parquet with the hashes of all rows of words that no document may have.

    Returns the number of items by the labels of `files`, and of those among them that protect nothing: they are too short, or
    have nothing but numbers. Raises ValueError naming file and line for a line that is not JSON.
    """
    items = [(label, *_rows_of(record, config)) for label, file in files.items() for record in _records(file)]
    items_with = Counter(row for _, _, whole in items for row in whole)
    wholes = {row for row, count in items_with.items() if count <= _SEVERAL}
    counts = {name: dict.fromkeys(files, 0) for name in ("benchmark_items", "benchmark_items_unprotected")}
    for label, ngrams, whole in items:
        counts["benchmark_items"][label] += 1
        counts["benchmark_items_unprotected"][label] += not len(ngrams) and whole.isdisjoint(wholes)
    ngrams = np.unique(np.concatenate([np.empty(0, np.uint64), *(ngrams for _, ngrams, _ in items)]))
    words = np.concatenate([np.zeros(len(ngrams), np.int32), np.array([words for words, _ in wholes], np.int32)])
    hashes = np.concatenate([ngrams, np.array([hash for _, hash in wholes], np.uint64)])
    order = np.lexsort((hashes, words))
    write_table(out / _FILE, pa.table([words[order], hashes[order]], schema=_SCHEMA), _SCHEMA)
    return counts


@dataclass(frozen=True)
class Benchmark:
    """The rows of words that no document may have."""

    ngram: int
    hashes: dict[int, np.ndarray]  # sorted, by the number of words of whole items, and of n-grams by 0

    @classmethod
    def load(cls, folder: Path, ngram: int) -> "Benchmark":
        """What `read_benchmark` wrote into `folder`."""
        words, hashes = (column.to_numpy() for column in read_table(folder / _FILE).columns)
        return cls(ngram, {int(count): np.sort(hashes[words == count]) for count in np.unique(words)})

    def shared_row(self, text: str) -> str | None:
        """The first n-gram of `text`, normalised, that an item has too, or else the shortest whole item that is in it."""
        rows = Rows(text)
        for count, listed in self.hashes.items():
            ends = rows.ends_of(count) if count else rows.ends(self.ngram)
            hashes = rows.hashes(ends)
            shared = listed[np.minimum(np.searchsorted(listed, hashes), len(listed) - 1)] == hashes
            if shared.any():
                first = int(shared.argmax())
                return " ".join(rows.words[first : ends[first]])
        return None


def _rows_of(record: object, config: ContaminationConfig) -> tuple[np.ndarray, set[_Whole]]:
    """The hashes of the n-grams of an item, and what is shorter and counts as a whole."""
    strings, labelled = (list(_strings(record, letters)) for letters in (False, True))
    texts = [Rows(text) for text in dict.fromkeys([" ".join(strings), " ".join(labelled), *strings])]
    ngrams = [_telling_hashes(rows, rows.ends(config.ngram)) for rows in texts]
    least = config.ngram if config.min_item_words is None else config.min_item_words
    short = [rows for rows in texts if least <= rows.worth < config.ngram]
    whole = {
        (len(rows.words), hash)
        for rows in short
        for hash in _telling_hashes(rows, rows.ends_of(len(rows.words))).tolist()
    }
    return np.concatenate(ngrams), whole


def _telling_hashes(rows: Rows, ends: np.ndarray) -> np.ndarray:
    return rows.hashes(ends)[rows.is_telling(ends)]


def _records(file: Path) -> Iterator[object]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(
                    f"{file}, line {number}: not JSON ({error}); contamination files are JSON Lines"
                ) from error


def _strings(record: object, letters: bool) -> Iterator[str]:
    """Every string value in a JSON value, however deep, in order; keys do not count.

    With `letters` the strings of a list have a, b, c, … before them, and values whose keys are letters have these.
    """
    pending = [record]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            pending += reversed([_labelled(key, each, letters and len(key) == 1) for key, each in value.items()])
        elif isinstance(value, list):
            is_choice = letters and 1 < len(value) <= len(ascii_lowercase)
            labels = ascii_lowercase if is_choice else [""] * len(value)
            pending += reversed([_labelled(label, each, is_choice) for label, each in zip(labels, value, strict=False)])


def _labelled(label: str, value: object, wanted: bool) -> object:
    return f"{label} {value}" if wanted and isinstance(value, str) else value
