"""What cleaning changed in a text: places with what was taken out and what was put in, each with some words around it.

First by sentences, then by words within the sentences that differ. The work is bounded: of a very long text only the
beginning is compared.
"""

import difflib
import re
from collections.abc import Iterator
from typing import NamedTuple

SENTENCES = 10_000  # of a text that are compared; a line ends a sentence, too
WORDS = 2_000  # of neighbouring sentences that differ
CONTEXT = 6  # words before and after a change

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


Words = list[tuple[int, str]]  # or sentences, each with its line


class Piece(NamedTuple):
    """Words that both texts have ("="), only the earlier one ("-") or only the later one ("+")."""

    kind: str
    text: str


class Change(NamedTuple):
    """Changes that are near to one another, with the line in the earlier text (from 1)."""

    line: int
    pieces: tuple[Piece, ...]


def changes(before: str, after: str) -> tuple[list[Change], bool]:
    """Where `after` differs from `before`, in order, and whether both were compared to their ends.

    White space alone is no difference.
    """
    old, new = _sentences(before), _sentences(after)
    was, became = ([text for _, text in side[:SENTENCES]] for side in (old, new))
    found: list[Change] = []
    whole = max(len(old), len(new)) <= SENTENCES
    for tag, start, end, new_start, new_end in difflib.SequenceMatcher(None, was, became).get_opcodes():
        if tag != "equal":
            around = _words(old[max(start - 1, 0) : start])[-CONTEXT:], _words(old[end : end + 1])[:CONTEXT]
            gone, come = _words(old[start:end]), _words(new[new_start:new_end])
            found += _changed_words(gone[:WORDS], come[:WORDS], *around)
            whole = whole and max(len(gone), len(come)) <= WORDS
    return found, whole


def _changed_words(gone: Words, come: Words, before: Words, after: Words) -> Iterator[Change]:
    """The changes from `gone` to `come`, which stand between the same words in both texts."""
    old, new = [*before, *gone, *after], [*before, *come, *after]
    was, became = ([word for _, word in side] for side in (old, new))
    if gone and come:
        groups = list(difflib.SequenceMatcher(None, was, became).get_grouped_opcodes(CONTEXT))
    else:
        start, end, new_end = len(before), len(before) + len(gone), len(before) + len(come)
        changed = ("changed", start, end, start, new_end)
        groups = [[("equal", 0, start, 0, start), changed, ("equal", end, len(old), new_end, len(new))]]
    for group in groups:
        first = next(start for tag, start, *_ in group if tag != "equal")
        pieces: list[Piece] = []
        for tag, start, end, new_start, new_end in group:
            if tag == "equal":
                pieces.append(Piece("=", " ".join(was[start:end])))
            else:
                pieces += [Piece("-", " ".join(was[start:end])), Piece("+", " ".join(became[new_start:new_end]))]
        line = old[min(first, len(old) - 1)][0] if old else 1
        yield Change(line, tuple(piece for piece in pieces if piece.text))


def _sentences(text: str) -> Words:
    """Sentences that are not empty, each with its line."""
    return [
        (number, sentence)
        for number, line in enumerate(text.split("\n"), 1)
        for sentence in _SENTENCE_END.split(line.strip())
        if sentence
    ]


def _words(sentences: Words) -> Words:
    return [(line, word) for line, sentence in sentences for word in sentence.split()]
