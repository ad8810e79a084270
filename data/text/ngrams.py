"""The n-grams of a list of words as arrays of hashes; an n-gram is built as a string only where a count has to be exact."""

from collections import Counter
from collections.abc import Sequence
from functools import cache, cached_property
from typing import Protocol

import numpy as np

# Powers of an odd 64-bit constant weigh the places within an n-gram (2^64 divided by the golden ratio).
_WEIGHT = 0x9E3779B97F4A7C15
_INVERSE = pow(_WEIGHT, -1, 2**64)
_TABLE_BITS = (10, 22)  # The least and the most bits in the number of a table's slots: a table has 4 KB to 16 MB.
FEWEST, LARGEST = (
    5,
    40,
)  # Duplicates are counted of n-grams of so many words: 10 words are up to 40 letters of some scripts.
_WINDOW = 16  # Duplicates are found by their first characters; most 5-grams are longer than this.
_BLOCK = 1 << 15  # Characters are hashed in blocks, which bounds the memory that a long text takes.


def _powers(base: int) -> np.ndarray:
    """base^0, base^1, … modulo 2^64, shape (_BLOCK,), uint64."""
    factors = np.full(_BLOCK, base, np.uint64)
    factors[0] = 1
    return np.cumprod(factors)


_POWERS, _INVERSE_POWERS = _powers(_WEIGHT), _powers(_INVERSE)


class WordsAsArrays(Protocol):
    """The words of several texts as arrays, of which `data.text.word_arrays` says what each holds."""

    @property
    def spaced(self) -> Sequence[str]: ...

    @property
    def counts(self) -> np.ndarray: ...

    @property
    def firsts(self) -> np.ndarray: ...

    @property
    def starts(self) -> np.ndarray: ...

    @property
    def ends(self) -> np.ndarray: ...

    @property
    def codes(self) -> np.ndarray: ...


class Ngrams:
    """The n-grams of texts: the most frequent one, for n from 2, and duplicates, for n from 5 to 10.

    Duplicates are compared by the characters of their words alone: `ab c` is `a bc`.

    A table of hashes gives an upper bound quickly for all texts at once. Where that is not enough, the strings of one text are
    compared, so that no answer depends on a hash.
    """

    def __init__(self, words: WordsAsArrays) -> None:
        # The words themselves are not kept: they know their n-grams, and the circle would wait for the garbage collector.
        self._spaced, self._counts, self._firsts, self._starts = words.spaced, words.counts, words.firsts, words.starts
        # Beyond the last word there are as many empty ones as the longest n-gram needs.
        self._ends = _lengthen(words.ends)
        windows = np.minimum(words.starts + _WINDOW, words.ends[-1])
        prefixes, self._window_ends = _prefix_hashes(words.codes, np.append(0, words.ends), windows)
        self._prefixes = _lengthen(prefixes)
        self._texts = np.repeat(np.arange(len(words.counts)), words.counts)
        # One factor moves a hash to the start of the joined words, and another, different for each text, sets the texts apart.
        self._factors = _shifts(words.starts) * _POWERS[self._texts % _BLOCK]
        self._numbers = np.arange(len(words.ends), dtype=np.int32)
        self._bounds: dict[int, np.ndarray] = {}
        self._first: dict[int, np.ndarray] = {}

    # An n-gram may begin in one text and end in the next. It makes no bound smaller, and exact counts leave it out.

    def most_top_characters(self, n: int) -> np.ndarray:
        """The most that `top_characters` can be, shape (texts,), int64."""
        if n not in self._bounds:
            first = self._first[n] = _find_first(self._hashes(n))
            copies = np.flatnonzero(first != self._numbers)
            lengths = self._lengths(n) + (n - 1)
            self._bounds[n] = np.maximum.reduceat(lengths, self._firsts)
            np.maximum.at(self._bounds[n], self._texts[copies], np.bincount(first)[first[copies]] * lengths[copies])
        return self._bounds[n]

    def most_duplicate_characters(self, n: int) -> np.ndarray:
        """The most that `duplicate_characters` can be, shape (texts,), int64."""
        if n not in self._bounds:
            first = self._first[n] = _find_first(self._hashes(n, self._may_repeat))
            copies = self._may_repeat[first != self._numbers[: len(first)]]
            starts = self._starts[copies]
            # Counted copies do not overlap: where these overlap, each counts up to the next one.
            ends = np.minimum(self._ends[copies + (n - 1)], np.append(starts[1:], self._ends[-1]))
            self._bounds[n] = np.zeros(len(self._counts), np.int64)
            np.add.at(self._bounds[n], self._texts[copies], ends - starts)
        return self._bounds[n]

    def top_characters(self, text: int, n: int) -> int:
        """Characters, spaces included, in all copies of a text's most frequent n-gram; on a tie, of the first in the text."""
        words = self._spaced[text].split()
        ngrams = Counter(zip(*(words[place:] for place in range(n)), strict=False)).most_common(1)
        return sum((sum(map(len, ngram)) + n - 1) * count for ngram, count in ngrams)

    def duplicate_characters(self, text: int, n: int) -> int:
        """Characters, spaces not included, in the extra copies of a text's n-grams, walking past each copy that is counted."""
        places = self._repeated(text, n)
        joined, begin = "".join(self._spaced[text].split()), self._starts[self._firsts[text]]
        starts, ends = (self._starts[places] - begin).tolist(), (self._ends[places + (n - 1)] - begin).tolist()
        seen: set[str] = set()
        characters = resume = 0
        for place, start, end in zip(places.tolist(), starts, ends, strict=True):
            if place < resume:
                continue
            ngram = joined[start:end]
            if ngram in seen:
                characters += end - start
                resume = place + n
            else:
                seen.add(ngram)
        return characters

    def _repeated(self, text: int, n: int) -> np.ndarray:
        """The places of all n-grams that occur more than once in a text, and maybe of some others, ascending."""
        self.most_duplicate_characters(n)
        begin = self._firsts[text]
        own = slice(*np.searchsorted(self._may_repeat, (begin, begin + max(self._counts[text] - n + 1, 0))))
        first = self._first[n][own]
        repeated = first != self._numbers[own]
        originals = first[repeated] - own.start
        repeated[originals[originals >= 0]] = True
        return self._may_repeat[own][repeated]

    @cached_property
    def _may_repeat(self) -> np.ndarray:
        """The places where an n-gram may begin that is one of several equal ones, for all n of duplicates, ascending.

        Equal ones begin with the same _WINDOW characters, whatever words those make, or have fewer.
        """
        may = self._lengths(FEWEST) < _WINDOW
        first = _find_first((self._window_ends - self._prefixes[: len(may)]) * self._factors)
        is_copy = first != self._numbers
        may |= is_copy
        may[first[is_copy]] = True
        return np.flatnonzero(may)

    def _hashes(self, n: int, places: np.ndarray | slice = slice(None)) -> np.ndarray:
        """The hashes of the n-grams at some places or all, shape (places,), uint64."""
        count = len(self._starts)
        return (self._prefixes[n : n + count][places] - self._prefixes[:count][places]) * self._factors[places]

    def _lengths(self, n: int) -> np.ndarray:
        """Characters of each n-gram without spaces, shape (words,), int64."""
        return self._ends[n - 1 : n - 1 + len(self._starts)] - self._starts


def _find_first(hashes: np.ndarray) -> np.ndarray:
    """For each of `hashes` the number of the first that is equal to it, shape (hashes,), int32."""
    count = len(hashes)
    bits = min(max((16 * count).bit_length(), _TABLE_BITS[0]), _TABLE_BITS[1])
    table, numbers = _scratch(bits), np.arange(count, dtype=np.int32)
    slots = (hashes >> np.uint64(64 - bits)).view(np.int64)
    table[slots[::-1]] = numbers[::-1]  # the first of several stays; slots that no n-gram wrote are not read
    first = table[slots]
    strangers = np.flatnonzero(hashes[first] != hashes)  # n-grams whose slot another one has taken
    first[strangers] = strangers
    ordered = np.sort(hashes[strangers])
    if (ordered[1:] == ordered[:-1]).any():
        _, index, number = np.unique(hashes[strangers], return_index=True, return_inverse=True)
        first[strangers] = strangers[index[number]]
    return first


def _lengthen(values: np.ndarray) -> np.ndarray:
    """`values` and some more of the last one."""
    return np.concatenate([values, np.repeat(values[-1:], LARGEST - 1)])


@cache
def _scratch(bits: int) -> np.ndarray:
    """A table of 2^bits slots that every text writes anew: to take it from the system each time costs more than its use."""
    return np.empty(1 << bits, np.int32)


def _prefix_hashes(codes: np.ndarray, *places: np.ndarray) -> list[np.ndarray]:
    """The hash of the characters (characters,) before each of some ascending places (n,): uint64 (n,) for each of `places`.

    It is the sum of code * weight^place, modulo 2^64.
    """
    hashes = [np.zeros(len(each), np.uint64) for each in places]
    before = np.zeros(1, np.uint64)
    for start in range(0, len(codes), _BLOCK):
        block = codes[start : start + _BLOCK]
        sums = np.cumsum(block * _POWERS[: len(block)])
        if start:
            sums = sums * np.uint64(pow(_WEIGHT, start, 2**64)) + before
        for each, found in zip(places, hashes, strict=True):
            within = slice(*np.searchsorted(each, (start, start + len(block)), "right"))
            found[within] = sums[each[within] - (start + 1)]
        before = sums[-1]
    return hashes


def _shifts(places: np.ndarray) -> np.ndarray:
    """Factors that move the hash of characters from each place to the start of a text: weight^-place, modulo 2^64."""
    if places[-1] < _BLOCK:
        return _INVERSE_POWERS[places]
    blocks = places // _BLOCK
    scales = np.full(int(blocks[-1]) + 1, pow(_INVERSE, _BLOCK, 2**64), np.uint64)
    scales[0] = 1
    return _INVERSE_POWERS[places % _BLOCK] * np.cumprod(scales)[blocks]
