"""Paragraphs of texts whose lines are broken by hand, as those of books in plain text are."""

from typing import Literal

Lines = Literal["as_written", "paragraphs"]
# Project Gutenberg breaks lines at 72 to 75 characters, terminals at 80; a longer line is likely a paragraph by itself.
HARD_WRAPPED = 100


def lines_as(lines: Lines, text: str) -> str:
    """`text` with its lines as they are to be counted; it has the same characters but for line ends that become spaces.

    With `paragraphs` the lines that stand together, up to an empty one, are one line if none is longer than HARD_WRAPPED.
    """
    if lines == "as_written":
        return text
    return "\n\n".join(map(_unwrapped, text.split("\n\n")))


def _unwrapped(block: str) -> str:
    inner = block.strip("\n")
    if max(map(len, inner.split("\n"))) > HARD_WRAPPED:
        return block
    return block.replace(inner, inner.replace("\n", " "), 1)
