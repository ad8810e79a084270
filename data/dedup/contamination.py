"""Training text that shares n-grams with evaluation tasks, found by hashes of normalised n-grams.

A document is contaminated when one of its n-grams stands in a benchmark file; 13 words is the length that GPT-3 used
(Brown et al. 2020, arXiv:2005.14165, appendix C). A string of a benchmark that is shorter than an n-gram contaminates
nothing: short answers are common phrases. Nor does an n-gram of which more than half are numbers: normalised, they are all
alike, and any two tables would share it.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from data.dedup.ngram_hashes import ngram_hashes
from data.text.words import normalize


def benchmark_ngrams(files: list[Path], n: int) -> np.ndarray:
    """Distinct hashes of all n-grams in all strings of the records of `files`, sorted, uint64.

    Raises ValueError naming file and line for a line that is not JSON.
    """
    found = [_telling_ngrams(text, n) for file in files for text in _strings_of_file(file)]
    return np.unique(np.concatenate([np.empty(0, np.uint64), *found]))


def text_ngrams(text: str, n: int) -> np.ndarray:
    """Hashes of the n-grams of normalised words of `text`, uint64."""
    return ngram_hashes(normalize(text).split(), n)


def _telling_ngrams(text: str, n: int) -> np.ndarray:
    """The n-grams of `text_ngrams` at least half of whose words are no numbers (`normalize` makes a 0 of each number)."""
    hashes = text_ngrams(text, n)
    words = np.cumsum([0, *(word != "0" for word in normalize(text).split())])
    return hashes[2 * (words[n:] - words[:-n]) >= n] if len(hashes) else hashes


def shared_ngram(text: str, benchmark: np.ndarray, n: int) -> str | None:
    """The first n-gram of `text`, normalised, that is among the sorted hashes `benchmark`."""
    hashes = text_ngrams(text, n)
    if not len(hashes) or not len(benchmark):
        return None
    places = np.searchsorted(benchmark, hashes)
    shared = benchmark[np.minimum(places, len(benchmark) - 1)] == hashes
    if not shared.any():
        return None
    first = int(shared.argmax())
    return " ".join(normalize(text).split()[first : first + n])


def _strings_of_file(file: Path) -> Iterator[str]:
    with file.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ValueError(
                    f"{file}, line {number}: not JSON ({error}); contamination files are JSON Lines"
                ) from error
            yield from _strings(record)


def _strings(record: object) -> Iterator[str]:
    """Every string value in a JSON value, however deep; keys do not count."""
    pending = [record]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            pending.extend(value.values())
        elif isinstance(value, list):
            pending.extend(value)
