"""FineWeb's own rules (Penedo et al. 2024, arXiv:2406.17557), as datatrove reads them.

The paper's section 3.6 is quoted with 0.1 for characters in duplicate lines; its appendix and the code use 0.01.
"""

from pydantic import BaseModel, ConfigDict, Field

from data.filters.gopher_repetition import count_duplicates
from data.filters.rejection import Rejection, above, below


class FineWebConfig(BaseModel):
    """Thresholds; every default is the paper's. Lines of white space alone are not counted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_end_mark_lines: float = Field(
        default=0.12, ge=0, le=1
    )  # rule `line_punctuation`: fraction of lines with an end mark
    end_marks: tuple[str, ...] = (".", "'", '"', "!", "?")  # FineWeb's; datatrove now has those of all scripts
    max_short_lines: float = Field(default=0.67, ge=0, le=1)  # rule `short_lines`: fraction of lines
    short_line_length: int = Field(default=30, ge=0)  # characters, at most
    max_duplicate_line_characters: float = Field(
        default=0.01, ge=0
    )  # rule `duplicate_line_characters`: fraction of characters
    max_newlines_per_word: float = Field(default=0.3, ge=0)  # rule `newlines`: lists


def check(text: str, words: list[str], config: FineWebConfig) -> Rejection | None:
    """The first rule that `text` breaks, in datatrove's order; `words` are its words."""
    lines = [line for line in text.split("\n") if not line.isspace() and line]
    if not lines:
        return Rejection("empty", "no line with text")
    if (ratio := sum(line.endswith(config.end_marks) for line in lines) / len(lines)) < config.min_end_mark_lines:
        return below("line_punctuation", ratio, config.min_end_mark_lines)
    if (ratio := sum(len(line) <= config.short_line_length for line in lines) / len(lines)) > config.max_short_lines:
        return above("short_lines", ratio, config.max_short_lines)
    newlines = text.count("\n")
    _, characters = count_duplicates(lines)
    if (ratio := characters / (len(text) - newlines)) > config.max_duplicate_line_characters:
        return above("duplicate_line_characters", ratio, config.max_duplicate_line_characters)
    if (ratio := newlines / len(words)) > config.max_newlines_per_word:
        return above("newlines", ratio, config.max_newlines_per_word)
    return None
