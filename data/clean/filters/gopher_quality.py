"""Gopher's quality rules (Rae et al. 2021, arXiv:2112.11446, table A1), as datatrove reads them.

datatrove takes the mean word length (Dolma: the median), and counts words only with a character that is no punctuation.

A letter of a script without spaces is a word of length 1. It is worth a half or a quarter where words are counted, and it has no
part in the mean length, which is not measured where most words are such letters.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from data.clean.filters.family import Family
from data.clean.filters.rejection import Limits, Rejection, Rule, first_broken, limits_of
from data.section import ANY, Needs, Section
from data.text.words import HALF, LETTER, NO_MARK

if TYPE_CHECKING:
    from data.text.word_arrays import Words

_BULLETS = ("•", "-")
_ELLIPSES = ("...", "…")
STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")


class GopherQualityConfig(Section):
    """Limits; null switches one off. The words of a document are those of `clean.words`. Source: Rae et al. 2021, table A1."""

    needs: ClassVar[Needs] = {"stop_words": {"min_stop_words": ANY}}

    min_words: int | None = Field(default=50, ge=0)
    """Rule `word_count`: fewest words, of those that are not punctuation alone. Unit: words."""
    max_words: int | None = Field(default=100_000, gt=0)
    """Rule `word_count`: most words, of those that are not punctuation alone. Unit: words."""
    min_mean_word_length: float | None = Field(default=3, ge=0)
    """Rule `mean_word_length`: least mean length of the words that are not punctuation alone. Unit: characters."""
    max_mean_word_length: float | None = Field(default=10, gt=0)
    """Rule `mean_word_length`: greatest mean length of the words that are not punctuation alone. Unit: characters."""
    max_hashes_per_word: float | None = Field(default=0.1, ge=0)
    """Rule `hashes`: most `#` signs. Unit: signs a word."""
    max_ellipses_per_word: float | None = Field(default=0.1, ge=0)
    """Rule `ellipses`: most ellipses, `...` or `…`. Unit: ellipses a word."""
    max_bullet_lines: float | None = Field(default=0.9, ge=0, le=1)
    """Rule `bullet_lines`: most lines that start with `•` or `-`. Unit: share of the lines."""
    max_ellipsis_lines: float | None = Field(default=0.3, ge=0, le=1)
    """Rule `ellipsis_lines`: most lines that end in an ellipsis. Unit: share of the lines."""
    min_alphabetic_words: float | None = Field(default=0.8, ge=0, le=1)
    """Rule `alphabetic_words`: fewest words that have a letter. Unit: share of the words."""
    min_stop_words: int | None = Field(default=2, ge=0)
    """Rule `stop_words`: fewest different ones of `stop_words`. Unit: words."""
    stop_words: tuple[str, ...] = STOP_WORDS
    """Words that running text is full of; they are compared as written, so upper case matters. These are English: with
    them, a document that is known to be in another language needs none."""


RULES = {
    "word_count": Rule("min_words", "max_words"),
    "mean_word_length": Rule("min_mean_word_length", "max_mean_word_length"),
    "hashes": Rule(most="max_hashes_per_word"),
    "ellipses": Rule(most="max_ellipses_per_word"),
    "bullet_lines": Rule(most="max_bullet_lines"),
    "ellipsis_lines": Rule(most="max_ellipsis_lines"),
    "alphabetic_words": Rule(least="min_alphabetic_words"),
    "stop_words": Rule(least="min_stop_words"),
}


def check(text: str, words: "Words", config: GopherQualityConfig) -> Rejection | None:
    """The first rule that `text` breaks, in datatrove's order; `words` are its words."""
    limits = limits_of(RULES, config)
    return first_broken(measures(text, words, config, limits), limits)


def measures(
    text: str, words: "Words", config: GopherQualityConfig, limits: Limits | None = None
) -> Iterator[tuple[str, float]]:
    """What the rules of a text with at least one word measure, in datatrove's order.

    With `limits`, a value that lies within its limits may be a bound instead of the exact measure.
    """
    counted = words.kinds >= NO_MARK
    worth = words.worth(counted)
    yield "word_count", worth
    spaced, letters, most = counted, worth, True
    if words.arrays.has_unspaced:
        spaced = counted & (words.kinds < HALF)
        letters = int(spaced.sum())
        most = 2 * letters > counted.sum()
    if letters and most:  # a text without such words has no mean length
        yield "mean_word_length", int(words.lengths[spaced].sum()) / letters
    count = words.worth()
    yield "hashes", text.count("#") / count
    ellipses = sum(map(text.count, _ELLIPSES))
    yield "ellipses", ellipses / count
    lines = text.splitlines()
    bullets = sum(map(text.count, _BULLETS))
    if limits is None or bullets > len(lines) * (limits.get("bullet_lines", (None, None))[1] or 0):
        bullets = sum([line.lstrip().startswith(_BULLETS) for line in lines])
    yield "bullet_lines", bullets / len(lines)
    at_end = sum([line.rstrip().endswith(_ELLIPSES) for line in lines]) if ellipses else 0
    yield "ellipsis_lines", at_end / len(lines)
    yield "alphabetic_words", int((words.kinds & LETTER).sum()) / len(words)
    enough = limits.get("stop_words", (None, None))[0] if limits else None
    yield "stop_words", _count_stop_words(words, config.stop_words, enough)


def _count_stop_words(words: "Words", stop_words: tuple[str, ...], enough: float | None) -> int:
    """How many different ones of `stop_words` there are among `words`; from `enough` on no more are looked for."""
    found = 0
    for word in dict.fromkeys(stop_words):
        found += word in words
        if found == enough:
            break
    return found


FAMILY = Family(
    "gopher_quality",
    "Gopher's rules on quality",
    GopherQualityConfig,
    RULES,
    measures,
    deciding=("stop_words",),
    english={"stop_words": "stop_words"},
)
