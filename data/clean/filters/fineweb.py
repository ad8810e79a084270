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
from data.text.words import END_MARKS

if TYPE_CHECKING:
    from data.text.word_arrays import Words

EndMarks = Literal["all_scripts", "fineweb"]
_MARKS: dict[EndMarks, frozenset[str]] = {"all_scripts": frozenset(END_MARKS), "fineweb": frozenset(".'\"!?")}


class FineWebConfig(Section):
    """Limits; every default is the paper's, null switches one off. Lines of white space alone are not counted."""

    needs: ClassVar[Needs] = {"end_marks": {"min_end_mark_lines": ANY}}

    min_end_mark_lines: float | None = Field(
        default=0.12, ge=0, le=1
    )  # rule `line_punctuation`: fraction of lines that end in a mark
    end_marks: EndMarks = "all_scripts"
    """all_scripts: the full stops, question and exclamation marks of all scripts, as datatrove has them since; fineweb: . ! ? ' "
    with which FineWeb was made (a line that ends in a quotation has an end mark there)."""
    max_short_lines: float | None = Field(default=0.67, ge=0, le=1)  # rule `short_lines`: fraction of lines
    short_line_length: int = Field(default=30, ge=0)  # a line of at most so many characters is short
    max_duplicate_line_characters: float | None = Field(default=0.01, ge=0)
    """Rule `duplicate_line_characters`: fraction of characters."""
    max_newlines_per_word: float | None = Field(default=0.3, ge=0)  # rule `newlines`: lists have many


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
    yield "newlines", newlines / len(words)


FAMILY = Family("fineweb", FineWebConfig, RULES, measures, deciding=("end_marks", "short_line_length"))
