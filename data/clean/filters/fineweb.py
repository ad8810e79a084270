"""FineWeb's own rules (Penedo et al. 2024, arXiv:2406.17557), as datatrove reads them.

The paper's section 3.6 is quoted with 0.1 for characters in duplicate lines; its appendix and the code use 0.01.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from data.clean.filters.family import Family
from data.clean.filters.gopher_repetition import count_duplicates
from data.clean.filters.rejection import Limits, Rejection, Rule, first_broken, limits_of
from data.section import ANY, Needs, Section
from data.text.words import LINE_ENDS

if TYPE_CHECKING:
    from data.text.word_arrays import Words

EndMarks = Literal["all_scripts", "fineweb"]
_MARKS: dict[EndMarks, frozenset[str]] = {"all_scripts": LINE_ENDS, "fineweb": frozenset(".'\"!?")}


class FineWebConfig(Section):
    """Limits; null switches one off. Lines of white space alone are not counted. Source: Penedo et al. 2024."""

    needs: ClassVar[Needs] = {"end_marks": {"min_end_mark_lines": ANY}}

    min_end_mark_lines: float | None = Field(default=0.12, ge=0, le=1)
    """Rule `line_punctuation`: fewest lines that end in an end mark. Unit: share of the lines."""
    end_marks: EndMarks = "all_scripts"
    """What is an end mark: with all_scripts the full stops, question and exclamation marks of all scripts, as datatrove has
    them since, and the letters of Thai and Lao, which have none; with fineweb . ! ? ' " with which FineWeb was made (a line that
    ends in a quotation has an end mark there)."""
    max_short_lines: float | None = Field(default=0.67, ge=0, le=1)
    """Rule `short_lines`: most lines that are short. Unit: share of the lines."""
    short_line_length: int = Field(default=30, ge=0)
    """A line of at most this length is short. Unit: characters."""
    max_duplicate_line_characters: float | None = Field(default=0.01, ge=0)
    """Rule `duplicate_line_characters`: most characters in lines that repeat an earlier one. Unit: share of the characters.
    Source: Penedo et al. 2024, appendix."""
    max_newlines_per_word: float | None = Field(default=0.3, ge=0)
    """Rule `newlines`: most line ends; lists have many. Unit: line ends a word."""


RULES = {
    "line_punctuation": Rule(least="min_end_mark_lines"),
    "short_lines": Rule(most="max_short_lines"),
    "duplicate_line_characters": Rule(most="max_duplicate_line_characters"),
    "newlines": Rule(most="max_newlines_per_word"),
}


def check(text: str, words: "Words", config: FineWebConfig) -> Rejection | None:
    """The first rule that `text` breaks, in datatrove's order; `words` are its words."""
    limits = limits_of(RULES, config)
    return first_broken(measures(text, words, config, limits), limits)


def measures(
    text: str, words: "Words", config: FineWebConfig, limits: Limits | None = None
) -> Iterator[tuple[str, float]]:
    """What the rules of a text with at least one word measure, in datatrove's order."""
    lines = [line for line in text.split("\n") if line and not line.isspace()]
    marks = _MARKS[config.end_marks]
    yield "line_punctuation", sum([line[-1] in marks for line in lines]) / len(lines)
    yield "short_lines", sum([len(line) <= config.short_line_length for line in lines]) / len(lines)
    newlines = text.count("\n")
    yield "duplicate_line_characters", count_duplicates(lines)[1] / (len(text) - newlines)
    yield "newlines", newlines / words.worth()


FAMILY = Family(
    "fineweb", "FineWeb's own rules", FineWebConfig, RULES, measures, deciding=("end_marks", "short_line_length")
)
