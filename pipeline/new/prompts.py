"""Prompts for a recipe: beginnings of lines from the middle of its texts."""

from collections.abc import Sequence

PROMPTS = 3
TEXTS = 100  # So many of the texts are looked at, evenly spaced.
LOOKED_AT = 20_000  # characters of a text, from its middle on and from its beginning
LEAST_BYTES = 40  # Shorter lines are headings.
WORDS, CHARACTERS = 4, 40
UNSPACED_CHARACTERS = 8


def prompts(texts: Sequence[str]) -> list[str]:
    """The first words of lines of some of the texts; of lines in a script without spaces the first characters."""
    lines = [line for text in texts[:: max(1, len(texts) // TEXTS)] if (line := _line_of(text))]
    chosen = lines[len(lines) // (2 * PROMPTS) :: max(1, len(lines) // PROMPTS)]
    return list(dict.fromkeys(map(_beginning, chosen)))[:PROMPTS] or ["The"]


def _line_of(text: str) -> str:
    """A line from the middle of a text, or else from its beginning, that begins a sentence as far as its first letter tells."""
    middle = text[len(text) // 2 :][:LOOKED_AT].splitlines()[1:]
    return next(filter(_begins_a_sentence, [*middle, *text[:LOOKED_AT].splitlines()]), "")


def _begins_a_sentence(line: str) -> bool:
    long = len(line.encode(errors="replace")) >= LEAST_BYTES
    return long and line[0].isalpha() and not line[0].islower() and line.isprintable()


def _beginning(line: str) -> str:
    spaced = " " in line[:CHARACTERS]
    return " ".join(line.split()[:WORDS])[:CHARACTERS] if spaced else line[:UNSPACED_CHARACTERS]
