"""The words of texts as arrays: where each begins in their concatenation, and of what characters it is made.

Several texts share their arrays: an operation on them has a price per call that is as high as that of a thousand words, and
most texts are shorter. At white space no word is made a string for them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from data.text.ngrams import Ngrams
from data.text.words import (
    BREAK,
    END_MARKS,
    ETHIOPIC_SPACE,
    HALF,
    LETTER,
    NO_MARK,
    PUNCTUATION,
    QUARTER,
    SPACE,
    WordSplitter,
    has_unspaced,
    split_words,
    unspaced_letters,
)

_CODE_POINTS = 0x110000
_QUARTERS = np.array([4, 2, 1, 1] * 2)  # of a word that a word is worth, by its kind divided by HALF


class WordArrays:
    """The words of texts, one after the other. No text is without words, where n-grams are asked for."""

    def __init__(self, texts: Sequence[str], splitter: WordSplitter = "whitespace") -> None:
        # With white space between them, the words of any splitter can be cut at white space.
        self.spaced = texts if splitter == "whitespace" else [" ".join(split_words(text, splitter)) for text in texts]
        # Whether there are words between which there is no space, most of them letters of scripts without spaces.
        self.has_unspaced = not all(map(str.isascii, texts)) and bool((self._characters[1] >= HALF).any())
        if self.has_unspaced and splitter == "whitespace":
            self.spaced = [" ".join(split_words(text)) if has_unspaced(text) else text for text in texts]
            del self._characters

    @cached_property
    def counts(self) -> np.ndarray:
        """Words of each text, shape (texts,), int64."""
        if len(self.spaced) == 1:  # often nothing else is asked for, and this is fast
            return np.array([len(self.spaced[0].split())])
        return np.diff(self.firsts, append=len(self.ends))

    @cached_property
    def firsts(self) -> np.ndarray:
        """The number of each text's first word, shape (texts,), int64."""
        before = np.cumsum([1, *(len(text) + 1 for text in self.spaced)])
        return np.searchsorted(self._edges[::2], before[:-1])

    @cached_property
    def _characters(self) -> tuple[np.ndarray, np.ndarray]:
        """Code points of the texts with a space before and after each, and their kinds, shape (characters,), uint32 and uint8."""
        codes = np.frombuffer(" ".join(["", *self.spaced, ""]).encode("utf-32-le", "surrogatepass"), np.uint32)
        return codes, _kinds_of_characters().take(codes, mode="clip")  # mode clip checks no bounds, which is faster

    @cached_property
    def _edges(self) -> np.ndarray:
        """Where words begin and end in `_characters`, in turns, shape (2 * words,), int64."""
        inside = self._characters[1] != SPACE
        return np.flatnonzero(inside[1:] != inside[:-1]) + 1

    @cached_property
    def codes(self) -> np.ndarray:
        """Code points of the words without anything between them, shape (characters,), uint32."""
        codes, kinds = self._characters
        return codes[kinds != SPACE]

    @cached_property
    def kinds(self) -> np.ndarray:
        """LETTER if a word has one (Unicode's L*), plus NO_MARK if it has a character that is no mark, plus HALF or QUARTER if it
        is a letter of which so many stand for a word, plus BREAK if the next begins without a space, shape (words,), uint8."""
        return np.bitwise_or.reduceat(self._characters[1], self._edges)[::2]

    @cached_property
    def quarters(self) -> np.ndarray:
        """Quarters of a word that each is worth: 4, but 2 or 1 for letters of scripts without spaces, shape (words,), int64."""
        return _QUARTERS[self.kinds // HALF]

    @cached_property
    def lengths(self) -> np.ndarray:
        """Characters of each word, shape (words,), int64."""
        return self._edges[1::2] - self._edges[::2]

    @cached_property
    def ends(self) -> np.ndarray:
        """Where each word ends in `codes`, shape (words,), int64."""
        return np.cumsum(self.lengths)

    @cached_property
    def starts(self) -> np.ndarray:
        """Where each word starts in `codes`, shape (words,), int64."""
        return self.ends - self.lengths

    @cached_property
    def ngrams(self) -> Ngrams:
        """The n-grams of the words of each text."""
        return Ngrams(self)


@dataclass(frozen=True)
class Words:
    """The words of one of the texts that share arrays."""

    arrays: WordArrays
    text: int = 0  # number of the text among those that share the arrays

    def __len__(self) -> int:
        return int(self.arrays.counts[self.text])

    def __contains__(self, word: str) -> bool:
        """Whether one of the words is `word`, or, if it is several letters of a script without spaces, whether they stand in a
        row."""
        spaced = self.arrays.spaced[self.text]
        if has_unspaced(word):
            return self.arrays.has_unspaced and word in spaced.replace(" ", "")
        return word.split() == [word] and (f" {word} " in spaced or word in spaced.split())

    @property
    def lengths(self) -> np.ndarray:
        """Characters of each word, shape (words,), int64."""
        return self._own(self.arrays.lengths)

    @property
    def kinds(self) -> np.ndarray:
        """As `WordArrays.kinds`."""
        return self._own(self.arrays.kinds)

    def worth(self, counted: np.ndarray | None = None) -> float:
        """How many words these are worth, or those of them that are counted, shape (words,), bool: a letter of a script without
        spaces is half of one or a quarter."""
        if not self.arrays.has_unspaced:
            return len(self) if counted is None else int(counted.sum())
        quarters = self._own(self.arrays.quarters)
        return int((quarters if counted is None else quarters[counted]).sum()) / 4

    @property
    def letters_a_word(self) -> int:
        """How many of these words stand for one: 1 but where most are letters of scripts without spaces."""
        return round(len(self) / self.worth()) if self.arrays.has_unspaced else 1

    def _own(self, values: np.ndarray) -> np.ndarray:
        first = self.arrays.firsts[self.text]
        return values[first : first + len(self)]


def words_of(text: str, splitter: WordSplitter = "whitespace") -> Words:
    """The words of a text by itself."""
    return Words(WordArrays([text], splitter))


@cache
def _kinds_of_characters() -> np.ndarray:
    """The kinds of all code points, 1.1 MB; made in some 20 ms when first asked for."""
    characters = np.arange(_CODE_POINTS, dtype=np.uint32).view("U1")
    kinds = np.where(np.strings.isalpha(characters), LETTER | NO_MARK, NO_MARK).astype(np.uint8)
    kinds[[ord(mark) for mark in {*PUNCTUATION, *END_MARKS}]] &= ~np.uint8(NO_MARK)
    kinds[np.strings.isspace(characters)] = SPACE
    for letters_a_word, kind in ((2, HALF), (4, QUARTER)):
        kinds[list(map(ord, unspaced_letters(letters_a_word)))] |= kind
    kinds[ord(ETHIOPIC_SPACE)] |= BREAK
    return kinds
