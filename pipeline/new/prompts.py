"""Prompts for a recipe: beginnings of lines from the middle of its texts."""

from collections.abc import Sequence

PROMPTS = 3
TEXTS = 100  # So many of the texts are looked at, evenly spaced.
LINES_BYTES = 20_000  # So much of a text is looked at, from its middle on.
LEAST_BYTES = 40  # Shorter lines are headings.
WORDS, CHARACTERS = 4, 40
UNSPACED_CHARACTERS = 8


def prompts(texts: Sequence[str]) -> list[str]:
    """The first words of lines of some of the texts; of lines in a script without spaces the first characters."""
    lines = [line for text in texts[:: max(1, len(texts) // TEXTS)] if (line := _line_of(text))]
    chosen = lines[len(lines) // (2 * PROMPTS) :: max(1, len(lines) // PROMPTS)]
    return list(dict.fromkeys(map(_beginning, chosen)))[:PROMPTS] or ["The"]


def _line_of(text: str) -> str:
    """A line from the middle of a text that begins a sentence, as far as its first letter tells; empty where there is none."""
    middle = text[len(text) // 2 :][:LINES_BYTES].splitlines()[1:] or text[:LINES_BYTES].splitlines()
    lines = [line for line in middle if line[:1].isalpha() and len(line.encode()) >= LEAST_BYTES and line.isprintable()]
    return next((line for line in lines if not line[0].islower()), "")


def _beginning(line: str) -> str:
    spaced = " " in line[:CHARACTERS]
    return " ".join(line.split()[:WORDS])[:CHARACTERS] if spaced else line[:UNSPACED_CHARACTERS]
