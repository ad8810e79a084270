"""What cleaning changed in a text: places with what was taken out and what was put in, each with some words around it.

First by sentences, then by words within the sentences that differ. Comparing takes the cube of the length where much is
repeated, so the work is bounded: what both have at the beginning and at the end is left out, and of what is still very
long only the beginning is compared: at worst about two seconds.
"""

import difflib
import re
from collections.abc import Iterator
from typing import NamedTuple

SENTENCES = 1_500  # of a text that are compared; a line ends a sentence, too
WORDS = 600  # of neighbouring sentences that differ
PAIRS = WORDS**2  # of words taken out and words put in that are compared in one text
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
    same, was, became, _ = _apart(old, new)
    whole = not (was and became) or max(len(was), len(became)) <= SENTENCES
    if not whole:
        was, became = was[:SENTENCES], became[:SENTENCES]
    codes = _matcher(was, became).get_opcodes()
    if not whole and len(codes) > 1 and codes[-1][0] != "equal":
        codes.pop()  # what it differs from may lie beyond the bound
    found: list[Change] = []
    pairs = 0
    for tag, start, end, new_start, new_end in codes:
        if tag == "equal":
            continue
        begun, gone, come, ended = _apart(_words(was[start:end]), _words(became[new_start:new_end]))
        if gone and come:
            whole = whole and max(len(gone), len(come)) <= WORDS
            gone, come = gone[:WORDS], come[:WORDS]
            pairs += len(gone) * len(come)
            if pairs > PAIRS:
                return found, False
        if gone or come:
            first, last = len(same) + start, len(same) + end  # in `old`
            earlier, later = _words(old[max(first - 1, 0) : first]), _words(old[last : last + 1])
            found += _changed_words(gone, come, [*earlier, *begun][-CONTEXT:], [*ended, *later][:CONTEXT])
    return found, whole


def _apart(old: Words, new: Words) -> tuple[Words, Words, Words, Words]:
    """What both have at the beginning, what is between in the old and in the new, what both have at the end."""
    shorter = min(len(old), len(new))
    start = next((n for n in range(shorter) if old[n][1] != new[n][1]), shorter)
    end = next((n for n in range(shorter - start) if old[-1 - n][1] != new[-1 - n][1]), shorter - start)
    return old[:start], old[start : len(old) - end], new[start : len(new) - end], old[len(old) - end :]


def _matcher(old: Words, new: Words) -> difflib.SequenceMatcher[str]:
    return difflib.SequenceMatcher(None, [text for _, text in old], [text for _, text in new])


def _changed_words(gone: Words, come: Words, before: Words, after: Words) -> Iterator[Change]:
    """The changes from `gone` to `come`, which stand between the same words in both texts."""
    old, new = [*before, *gone, *after], [*before, *come, *after]
    was, became = ([word for _, word in side] for side in (old, new))
    if gone and come:
        groups = list(_matcher(old, new).get_grouped_opcodes(CONTEXT))
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
