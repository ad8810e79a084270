"""The words of texts as arrays: where each begins in their concatenation, and of what characters it is made.

Several texts share their arrays: an operation on them has a price per call that is as high as that of a thousand words, and
most texts are shorter.
"""

from collections.abc import Sequence
from functools import cache, cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from data.words import END_MARKS, PUNCTUATION

if TYPE_CHECKING:
    from data.ngrams import Ngrams

LETTER, NO_MARK = 1, 2  # kinds of characters, and of words: that of any of their characters
_SPACE = ord(" ")
_CODE_POINTS = 0x110000


class WordArrays:
    """The words of texts, one after the other; what is asked for is computed once.

    No word is empty or has a space in it, and no text is without words.
    """

    def __init__(self, lists: Sequence[list[str]]) -> None:
        self.lists = lists

    @cached_property
    def counts(self) -> np.ndarray:
        """Words of each text, shape (texts,), int64."""
        return np.fromiter(map(len, self.lists), np.int64, len(self.lists))

    @cached_property
    def firsts(self) -> np.ndarray:
        """The number of each text's first word, shape (texts,), int64."""
        return np.cumsum(self.counts) - self.counts

    @cached_property
    def _spaced_codes(self) -> np.ndarray:
        """Code points of the words with a space between any two; cheaper than to ask each word for its length."""
        spaced = " ".join(chain.from_iterable(self.lists))
        return np.frombuffer(spaced.encode("utf-32-le", "surrogatepass"), np.uint32)

    @cached_property
    def codes(self) -> np.ndarray:
        """Code points of the words without anything between them, shape (characters,), uint32."""
        return self._spaced_codes[self._spaced_codes != _SPACE]

    @cached_property
    def ends(self) -> np.ndarray:
        """Where each word ends in `codes`, shape (words,), int64."""
        spaced_ends = np.append(np.flatnonzero(self._spaced_codes == _SPACE), len(self._spaced_codes))
        return spaced_ends - np.arange(len(spaced_ends))

    @cached_property
    def lengths(self) -> np.ndarray:
        """Characters of each word, shape (words,), int64."""
        return np.diff(self.ends, prepend=0)

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each word starts in `codes`, shape (words,), int64."""
        return self.ends - self.lengths

    @cached_property
    def kinds(self) -> np.ndarray:
        """LETTER if a word has one (Unicode's L*), plus NO_MARK if it has a character that is no mark, shape (words,), uint8."""
        return np.bitwise_or.reduceat(_kinds_of_characters().take(self.codes), self.starts)

    @cached_property
    def ngrams(self) -> "Ngrams":
        """The n-grams of the words of each text."""
        from data.ngrams import Ngrams

        return Ngrams(self)


class Words:
    """The words of one text."""

    def __init__(self, words: list[str], arrays: WordArrays | None = None, text: int = 0) -> None:
        self.list = words
        self.arrays = arrays or WordArrays([words])
        self.text = text  # its number among those that share the arrays

    def __len__(self) -> int:
        return len(self.list)

    @property
    def lengths(self) -> np.ndarray:
        """Characters of each word, shape (words,), int64."""
        return self._own(self.arrays.lengths)

    @property
    def kinds(self) -> np.ndarray:
        """As `WordArrays.kinds`."""
        return self._own(self.arrays.kinds)

    def _own(self, values: np.ndarray) -> np.ndarray:
        first = self.arrays.firsts[self.text]
        return values[first : first + len(self.list)]


@cache
def _kinds_of_characters() -> np.ndarray:
    """The kinds of all code points, 1.1 MB; made in some 20 ms when first asked for."""
    letters = np.strings.isalpha(np.arange(_CODE_POINTS, dtype=np.uint32).view("U1"))
    kinds = np.where(letters, LETTER | NO_MARK, NO_MARK).astype(np.uint8)
    kinds[[ord(mark) for mark in {*PUNCTUATION, *END_MARKS}]] &= ~np.uint8(NO_MARK)
    return kinds
