"""What cleaning changed in a text: the words that were taken out and put in at each place, with some words around them.

Two texts are compared by sentences first, and then by words within the sentences that differ. Where a text repeats much, the time
of a comparison grows with the cube of the length. Therefore the work is bounded: the common beginning and the common end are left
out, and of the rest only the beginning is compared when it is very long. At worst this takes about two seconds.
"""

import difflib
import re
from collections.abc import Iterator
from typing import NamedTuple

SENTENCES = 1_500  # of a text that are compared; the end of a line ends a sentence, too
WORDS = 600  # of neighbouring sentences that are compared
PAIRS = WORDS**2  # of a word taken out and a word put in, the most that are compared in one text
CONTEXT = 6  # words before and after a change

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


Words = list[tuple[int, str]]  # words or sentences, each after the number of its line


class Piece(NamedTuple):
    """Words that stand in both texts ("="), only in the earlier one ("-") or only in the later one ("+")."""

    kind: str
    text: str


class Change(NamedTuple):
    """Changes that are near to one another, with the number of the line in the earlier text, from 1."""

    line: int
    pieces: tuple[Piece, ...]


def changes(before: str, after: str) -> tuple[list[Change], bool]:
    """The places where `after` differs from `before`, in order, and whether both texts were compared to their ends.

    A difference in white space alone does not count.
    """
    old, new = _sentences(before), _sentences(after)
    same, was, became, _ = _apart(old, new)
    whole = not (was and became) or max(len(was), len(became)) <= SENTENCES
    if not whole:
        was, became = was[:SENTENCES], became[:SENTENCES]
    codes = _matcher(was, became).get_opcodes()
    if not whole and len(codes) > 1 and codes[-1][0] != "equal":
        codes.pop()  # Its counterpart may lie beyond the bound.
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
            first, last = len(same) + start, len(same) + end  # places in `old`
            earlier, later = _words(old[max(first - 1, 0) : first]), _words(old[last : last + 1])
            found += _changed_words(gone, come, [*earlier, *begun][-CONTEXT:], [*ended, *later][:CONTEXT])
    return found, whole


def _apart(old: Words, new: Words) -> tuple[Words, Words, Words, Words]:
    """Split two texts: their common beginning, the middle of the old one, the middle of the new one, their common end."""
    shorter = min(len(old), len(new))
    start = next((n for n in range(shorter) if old[n][1] != new[n][1]), shorter)
    end = next((n for n in range(shorter - start) if old[-1 - n][1] != new[-1 - n][1]), shorter - start)
    return old[:start], old[start : len(old) - end], new[start : len(new) - end], old[len(old) - end :]


def _matcher(old: Words, new: Words) -> difflib.SequenceMatcher[str]:
    return difflib.SequenceMatcher(None, [text for _, text in old], [text for _, text in new])


def _changed_words(gone: Words, come: Words, before: Words, after: Words) -> Iterator[Change]:
    """The changes from `gone` to `come`, which stand between the words `before` and `after` in both texts."""
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
    """The sentences of a text that are not empty, each after the number of its line."""
    return [
        (number, sentence)
        for number, line in enumerate(text.split("\n"), 1)
        for sentence in _SENTENCE_END.split(line.strip())
        if sentence
    ]


def _words(sentences: Words) -> Words:
    return [(line, word) for line, sentence in sentences for word in sentence.split()]
