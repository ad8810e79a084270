"""Gopher's repetition rules (Rae et al. 2021, arXiv:2112.11446, table A1), as datatrove reads them.

datatrove counts the extra copies of a duplicate (Dolma: all copies), skips an n-gram rule for a document shorter than n
(NeMo Curator: drops the document), counts the characters of duplicate n-grams without the spaces between their words,
and walks over a duplicate n-gram once it is counted, so that no character counts twice. Here n-grams are the same when
their words are; for datatrove `ab c` and `a bc` are the same too.
"""

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from data.filters.rejection import Rejection, above
from data.words import split_lines, split_paragraphs


class GopherRepetitionConfig(BaseModel):
    """Largest allowed fractions; every default is the paper's. Rules bear the names of the fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    duplicate_paragraphs: float = Field(default=0.30, ge=0)  # of the paragraphs
    duplicate_paragraph_characters: float = Field(default=0.20, ge=0)  # of the characters, as all that follow
    duplicate_lines: float = Field(default=0.30, ge=0)  # of the lines
    duplicate_line_characters: float = Field(default=0.20, ge=0)
    top_2_gram: float = Field(default=0.20, ge=0)  # characters in all copies of the most frequent 2-gram
    top_3_gram: float = Field(default=0.18, ge=0)
    top_4_gram: float = Field(default=0.16, ge=0)
    duplicate_5_gram: float = Field(default=0.15, ge=0)  # characters in the extra copies of 5-grams
    duplicate_6_gram: float = Field(default=0.14, ge=0)
    duplicate_7_gram: float = Field(default=0.13, ge=0)
    duplicate_8_gram: float = Field(default=0.12, ge=0)
    duplicate_9_gram: float = Field(default=0.11, ge=0)
    duplicate_10_gram: float = Field(default=0.10, ge=0)


def check(text: str, words: list[str], config: GopherRepetitionConfig) -> Rejection | None:
    """The first rule that `text` breaks, in datatrove's order; `words` are its words."""
    if not text:
        return None
    paragraphs = split_paragraphs(text)
    copies, characters = count_duplicates(paragraphs)
    if (ratio := copies / len(paragraphs)) > config.duplicate_paragraphs:
        return above("duplicate_paragraphs", ratio, config.duplicate_paragraphs)
    if (ratio := characters / len(text)) > config.duplicate_paragraph_characters:
        return above("duplicate_paragraph_characters", ratio, config.duplicate_paragraph_characters)
    lines = split_lines(text)
    copies, characters = count_duplicates(lines)
    if (ratio := copies / len(lines)) > config.duplicate_lines:
        return above("duplicate_lines", ratio, config.duplicate_lines)
    if (ratio := characters / len(text)) > config.duplicate_line_characters:
        return above("duplicate_line_characters", ratio, config.duplicate_line_characters)
    return _check_ngrams(len(text), words, config)


def _check_ngrams(text_length: int, words: list[str], config: GopherRepetitionConfig) -> Rejection | None:
    from data.ngrams import all_ngrams, duplicate_characters, top_characters

    for ngrams in all_ngrams(words, 10):
        n = ngrams.n
        if n == 1:
            continue
        rule = f"top_{n}_gram" if n <= 4 else f"duplicate_{n}_gram"
        limit: float = getattr(config, rule)
        measure = top_characters if n <= 4 else duplicate_characters
        characters = measure(ngrams, limit * text_length - 1)  # one character less than allowed, for rounding
        if (ratio := characters / text_length) > limit:
            return above(rule, ratio, limit)
    return None


def count_duplicates(items: Iterable[str]) -> tuple[int, int]:
    """How many of `items` are copies of an earlier one, and the characters in them."""
    seen: set[str] = set()
    copies = characters = 0
    for item in items:
        if item in seen:
            copies += 1
            characters += len(item)
        else:
            seen.add(item)
    return copies, characters
