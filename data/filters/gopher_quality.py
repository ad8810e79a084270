"""Gopher's quality rules (Rae et al. 2021, arXiv:2112.11446, table A1), as datatrove reads them.

datatrove takes the mean word length (Dolma: the median), and counts words only with a character that is no punctuation.
"""

from collections import Counter

from pydantic import BaseModel, ConfigDict, Field

from data.filters.rejection import Rejection, above, below
from data.words import PUNCTUATION

_PUNCTUATION = frozenset(PUNCTUATION)
_BULLETS = ("•", "-")
_ELLIPSES = ("...", "…")
_STOP_WORDS = ("the", "be", "to", "of", "and", "that", "have", "with")


class GopherQualityConfig(BaseModel):
    """Thresholds; every default is the paper's. The words of a document are those of `clean.words`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_words: int = Field(default=50, ge=0)  # rule `word_count`: words with a non-symbol character
    max_words: int = Field(default=100_000, gt=0)  # rule `word_count`
    min_mean_word_length: float = Field(default=3, ge=0)  # rule `mean_word_length`, characters
    max_mean_word_length: float = Field(default=10, gt=0)  # rule `mean_word_length`, characters
    max_hashes_per_word: float = Field(default=0.1, ge=0)  # rule `hashes`: `#`
    max_ellipses_per_word: float = Field(default=0.1, ge=0)  # rule `ellipses`: `...` and `…`
    max_bullet_lines: float = Field(
        default=0.9, ge=0, le=1
    )  # rule `bullet_lines`: fraction that starts with `•` or `-`
    max_ellipsis_lines: float = Field(default=0.3, ge=0, le=1)  # rule `ellipsis_lines`: fraction that ends in one
    min_alphabetic_words: float = Field(default=0.8, ge=0, le=1)  # rule `alphabetic_words`: fraction with a letter
    min_stop_words: int = Field(default=2, ge=0)  # rule `stop_words`: distinct ones
    stop_words: tuple[str, ...] = _STOP_WORDS  # as written: upper case differs


def check(text: str, words: list[str], config: GopherQualityConfig) -> Rejection | None:
    """The first rule that `text` breaks, in datatrove's order; `words` are its words."""
    counts = Counter(words)
    word_count = characters = alphabetic = 0
    for word, count in counts.items():
        letters = word.isalpha() or any(map(str.isalpha, word))
        if letters or not _PUNCTUATION.issuperset(word):
            word_count += count
            characters += count * len(word)
        if letters:
            alphabetic += count
    if word_count < config.min_words:
        return below("word_count", word_count, config.min_words)
    if word_count > config.max_words:
        return above("word_count", word_count, config.max_words)
    if not word_count:
        return None  # nothing to measure, and the user asked for no minimum
    if (mean := characters / word_count) < config.min_mean_word_length:
        return below("mean_word_length", mean, config.min_mean_word_length)
    if mean > config.max_mean_word_length:
        return above("mean_word_length", mean, config.max_mean_word_length)
    if (ratio := text.count("#") / len(words)) > config.max_hashes_per_word:
        return above("hashes", ratio, config.max_hashes_per_word)
    if (ratio := sum(map(text.count, _ELLIPSES)) / len(words)) > config.max_ellipses_per_word:
        return above("ellipses", ratio, config.max_ellipses_per_word)
    if rejection := _check_lines(text.splitlines(), config):
        return rejection
    if (ratio := alphabetic / len(words)) < config.min_alphabetic_words:
        return below("alphabetic_words", ratio, config.min_alphabetic_words)
    if (found := sum(word in counts for word in set(config.stop_words))) < config.min_stop_words:
        return below("stop_words", found, config.min_stop_words)
    return None


def _check_lines(lines: list[str], config: GopherQualityConfig) -> Rejection | None:
    bullets = sum(line.lstrip().startswith(_BULLETS) for line in lines) / len(lines)
    if bullets > config.max_bullet_lines:
        return above("bullet_lines", bullets, config.max_bullet_lines)
    ellipses = sum(line.rstrip().endswith(_ELLIPSES) for line in lines) / len(lines)
    if ellipses > config.max_ellipsis_lines:
        return above("ellipsis_lines", ellipses, config.max_ellipsis_lines)
    return None
