"""Gopher's repetition rules (Rae et al. 2021, arXiv:2112.11446, table A1), as datatrove reads them.

datatrove counts the extra copies of a duplicate (Dolma: all copies), skips an n-gram rule for a document shorter than n
(NeMo Curator: drops the document), counts the characters of duplicate n-grams without the spaces between their words,
and walks over a duplicate n-gram once it is counted, so that no character counts twice. For that count `ab c` and
`a bc` are the same. Where most words are letters of scripts without spaces, a row of n words is one of as many letters as
stand for them.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from data.clean.filters.family import Family
from data.clean.filters.rejection import Limits, Rejection, Rule, first_broken, limits_of
from data.section import Section
from data.text.words import split_lines, split_paragraphs

if TYPE_CHECKING:
    from data.text.word_arrays import Words


class GopherRepetitionConfig(Section):
    """Largest allowed shares; null switches a rule off, and rules are named as the fields. Source: Rae et al. 2021, table
    A1."""

    duplicate_paragraphs: float | None = Field(default=0.30, ge=0)
    """Most paragraphs that repeat an earlier one. Unit: share of the paragraphs."""
    duplicate_paragraph_characters: float | None = Field(default=0.20, ge=0)
    """Most characters in paragraphs that repeat an earlier one. Unit: share of the characters."""
    duplicate_lines: float | None = Field(default=0.30, ge=0)
    """Most lines that repeat an earlier one. Unit: share of the lines."""
    duplicate_line_characters: float | None = Field(default=0.20, ge=0)
    """Most characters in lines that repeat an earlier one. Unit: share of the characters."""
    top_2_gram: float | None = Field(default=0.20, ge=0)
    """Most characters in all copies of the most frequent row of 2 words. Unit: share of the characters."""
    top_3_gram: float | None = Field(default=0.18, ge=0)
    """Most characters in all copies of the most frequent row of 3 words. Unit: share of the characters."""
    top_4_gram: float | None = Field(default=0.16, ge=0)
    """Most characters in all copies of the most frequent row of 4 words. Unit: share of the characters."""
    duplicate_5_gram: float | None = Field(default=0.15, ge=0)
    """Most characters in rows of 5 words that repeat an earlier one. Unit: share of the characters."""
    duplicate_6_gram: float | None = Field(default=0.14, ge=0)
    """Most characters in rows of 6 words that repeat an earlier one. Unit: share of the characters."""
    duplicate_7_gram: float | None = Field(default=0.13, ge=0)
    """Most characters in rows of 7 words that repeat an earlier one. Unit: share of the characters."""
    duplicate_8_gram: float | None = Field(default=0.12, ge=0)
    """Most characters in rows of 8 words that repeat an earlier one. Unit: share of the characters."""
    duplicate_9_gram: float | None = Field(default=0.11, ge=0)
    """Most characters in rows of 9 words that repeat an earlier one. Unit: share of the characters."""
    duplicate_10_gram: float | None = Field(default=0.10, ge=0)
    """Most characters in rows of 10 words that repeat an earlier one. Unit: share of the characters."""


RULES = {name: Rule(most=name) for name in GopherRepetitionConfig.model_fields}


def check(text: str, words: "Words", config: GopherRepetitionConfig) -> Rejection | None:
    """The first rule that `text` breaks, in datatrove's order; `words` are its words."""
    limits = limits_of(RULES, config)
    return first_broken(measures(text, words, config, limits), limits)


def measures(
    text: str, words: "Words", config: GopherRepetitionConfig, limits: Limits | None = None
) -> Iterator[tuple[str, float]]:
    """What the rules of a text that is not empty measure, in datatrove's order.

    With `limits`, only n-gram rules that have a limit are measured, and a value within it may be an upper bound.
    """
    paragraphs = split_paragraphs(text)
    copies, characters = count_duplicates(paragraphs)
    yield "duplicate_paragraphs", copies / len(paragraphs)
    yield "duplicate_paragraph_characters", characters / len(text)
    lines = split_lines(text)
    copies, characters = count_duplicates(lines)
    yield "duplicate_lines", copies / len(lines)
    yield "duplicate_line_characters", characters / len(text)
    yield from _ngram_measures(len(text), words, limits)


def _ngram_measures(text_length: int, words: "Words", limits: Limits | None) -> Iterator[tuple[str, float]]:
    letters = words.letters_a_word
    # A frequent row is counted with a space between each two of its words, so those that are letters get the spaces too.
    spaced_length = text_length if letters == 1 else len(words.arrays.spaced[words.text])
    for n in range(2, min(10, len(words) // letters) + 1):
        rule = f"top_{n}_gram" if n <= 4 else f"duplicate_{n}_gram"
        if limits is not None and rule not in limits:
            continue
        ngrams, text, size = words.arrays.ngrams, words.text, n * letters
        length = spaced_length if n <= 4 else text_length
        if limits:
            most = ngrams.most_top_characters(size) if n <= 4 else ngrams.most_duplicate_characters(size)
            bound = int(most[text]) / length
            if bound <= (limits[rule][1] or 0):
                yield rule, bound
                continue
        characters = ngrams.top_characters(text, size) if n <= 4 else ngrams.duplicate_characters(text, size)
        yield rule, characters / length


def count_duplicates(items: Sequence[str]) -> tuple[int, int]:
    """How many of `items` are copies of an earlier one, and the characters in them."""
    distinct = set(items)
    if len(distinct) == len(items):
        return 0, 0
    return len(items) - len(distinct), sum(map(len, items)) - sum(map(len, distinct))


FAMILY = Family("gopher_repetition", "Gopher's rules on repetition", GopherRepetitionConfig, RULES, measures)
