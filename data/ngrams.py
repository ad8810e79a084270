"""The n-grams of a list of words as arrays: hashes and lengths, no n-gram is ever built as a string."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import xxhash

# Powers of an odd 64-bit constant weigh the places within an n-gram (2^64 divided by the golden ratio).
_WEIGHT = 0x9E3779B97F4A7C15


class Ngrams(NamedTuple):
    """All n-grams of one size, in the order of the text."""

    n: int
    hashes: np.ndarray  # (words - n + 1,) uint64, equal for equal n-grams
    lengths: np.ndarray  # (words - n + 1,) int64, characters without the spaces between words


def hash_words(words: list[str]) -> np.ndarray:
    """64-bit hashes of `words`, shape (words,), uint64; each distinct word is hashed once."""
    hashes = {word: xxhash.xxh3_64_intdigest(word.encode()) for word in set(words)}
    return np.fromiter(map(hashes.__getitem__, words), np.uint64, len(words))


def ngram_hashes(words: list[str], n: int) -> np.ndarray:
    """64-bit hashes of the n-grams, shape (words - n + 1,), uint64; empty when there are fewer than `n` words."""
    for size, hashes in _grow(hash_words(words), n):
        if size == n:
            return hashes
    return np.empty(0, np.uint64)


def all_ngrams(words: list[str], largest: int) -> Iterator[Ngrams]:
    """The n-grams for n = 1, 2, … up to `largest` or to the number of words."""
    ends = np.cumsum(np.fromiter(map(len, words), np.int64, len(words)))
    starts = np.concatenate([[0], ends])[:-1]
    for n, hashes in _grow(hash_words(words), largest):
        yield Ngrams(n, hashes, ends[n - 1 :] - starts[: len(hashes)])


def _grow(word_hashes: np.ndarray, largest: int) -> Iterator[tuple[int, np.ndarray]]:
    hashes, weight = word_hashes, 1
    for n in range(1, min(largest, len(word_hashes)) + 1):
        if n > 1:
            weight = weight * _WEIGHT % 2**64
            hashes = hashes[:-1] + word_hashes[n - 1 :] * np.uint64(weight)  # wraps at 2^64, as is meant
        yield n, hashes


def top_characters(ngrams: Ngrams, enough: float) -> int:
    """Characters, spaces included, in all copies of the most frequent n-gram; of several, the first in the text.

    Where a quick upper bound already lies at or below `enough`, the bound is returned.
    """
    ordered = np.sort(ngrams.hashes)
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    counts = np.diff(starts, append=len(ordered))
    most = int(counts.max())
    bound = most * (int(ngrams.lengths.max()) + ngrams.n - 1)
    if bound <= enough:
        return bound
    first = int(np.isin(ngrams.hashes, ordered[starts[counts == most]]).argmax())
    return most * (int(ngrams.lengths[first]) + ngrams.n - 1)


def duplicate_characters(ngrams: Ngrams, enough: float) -> int:
    """Characters, spaces not included, in the extra copies of n-grams, walking past each copy that is counted.

    Where a quick upper bound already lies at or below `enough`, the bound is returned, without the walk.
    """
    ordered = np.sort(ngrams.hashes)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    bound = len(repeated) * int(ngrams.lengths.max())
    if bound <= enough:
        return bound
    seen: set[int] = set()
    characters = resume = 0
    places = np.flatnonzero(np.isin(ngrams.hashes, repeated))
    for place, ngram in zip(places.tolist(), ngrams.hashes[places].tolist(), strict=True):
        if place < resume:
            continue
        if ngram in seen:
            characters += int(ngrams.lengths[place])
            resume = place + ngrams.n
        else:
            seen.add(ngram)
    return characters
