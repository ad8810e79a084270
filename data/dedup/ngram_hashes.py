"""Hashes of the rows of normalised words in a text, by which texts are compared with evaluation items."""

from functools import cached_property

import numpy as np
import xxhash

from data.text.word_arrays import WordArrays
from data.text.words import has_unspaced, normalized_words

# Powers of an odd 64-bit constant weigh the places within a row (2^64 divided by the golden ratio).
_WEIGHT = 0x9E3779B97F4A7C15
_INVERSE = pow(_WEIGHT, -1, 2**64)


class Rows:
    """The rows of words in a text: where they end, and their hashes.

    A row of n words has as many words as are worth n: in scripts without spaces, of which each letter is a word, several for one.
    """

    def __init__(self, text: str) -> None:
        self.words = normalized_words(text)
        quarters = np.full(len(self.words), 4)
        if has_unspaced(text) and self.words:
            quarters = WordArrays([" ".join(self.words)]).quarters
        self._quarters = np.append(0, np.cumsum(quarters))
        self._telling = np.append(0, np.cumsum([word != "0" for word in self.words]))

    @property
    def worth(self) -> float:
        """How many words the whole is worth."""
        return int(self._quarters[-1]) / 4

    def ends(self, n: int) -> np.ndarray:
        """Where the row of n words ends that begins at each of the first places, shape (rows,), int64."""
        ends = np.searchsorted(self._quarters, self._quarters[:-1] + 4 * n)
        return ends[: np.searchsorted(ends, len(self.words), "right")]

    def ends_of(self, count: int) -> np.ndarray:
        """Where a row of `count` words ends, whatever they are worth, shape (rows,), int64."""
        return np.arange(count, len(self.words) + 1)

    def hashes(self, ends: np.ndarray) -> np.ndarray:
        """64-bit hashes of the rows from each of the first places to `ends`, shape (rows,), uint64; sums wrap on purpose."""
        sums, inverse = self._sums
        return (sums[ends] - sums[: len(ends)]) * inverse[: len(ends)]

    def is_telling(self, ends: np.ndarray) -> np.ndarray:
        """Whether at least half of the words of a row are no numbers, which are all alike here, shape (rows,), bool."""
        starts = np.arange(len(ends))
        return 2 * (self._telling[ends] - self._telling[starts]) >= ends - starts

    @cached_property
    def _sums(self) -> tuple[np.ndarray, np.ndarray]:
        """Sums of hash times weight^place over the words before each place, and weight^-place."""
        hashes = _hash_words(self.words)
        powers, inverse = (_powers(base, len(hashes) + 1) for base in (_WEIGHT, _INVERSE))
        return np.append(np.uint64(0), np.cumsum(hashes * powers[:-1])), inverse


def _hash_words(words: list[str]) -> np.ndarray:
    """64-bit hashes of `words`, shape (words,), uint64; each distinct word is hashed once."""
    hashes = {word: xxhash.xxh3_64_intdigest(word.encode()) for word in set(words)}
    return np.fromiter(map(hashes.__getitem__, words), np.uint64, len(words))


def _powers(base: int, count: int) -> np.ndarray:
    """base^0, base^1, … modulo 2^64, shape (count,), uint64."""
    factors = np.full(count, base, np.uint64)
    factors[0] = 1
    return np.cumprod(factors)
