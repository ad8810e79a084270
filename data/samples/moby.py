"""Chapters of a novel with lines as they are printed: text that is no web page, and that rules for web pages throw away."""

import textwrap
from pathlib import Path

CHAPTERS = 40  # of 135
COLUMNS = 72  # The package has a line for each paragraph; Project Gutenberg, where it comes from, breaks them.


def read_chapters(folder: Path) -> list[dict[str, object]]:
    """The first chapters in `folder`, files such as chapter_1.txt, whose first line is the title."""
    chapters: list[dict[str, object]] = []
    for number in range(1, CHAPTERS + 1):
        text = (folder / f"chapter_{number}.txt").read_text(encoding="utf-8").strip()
        paragraphs = [textwrap.fill(line, COLUMNS, break_on_hyphens=False) for line in text.splitlines()]
        chapters.append(
            {"id": f"chapter_{number:03d}", "text": "\n".join(paragraphs), "title": text.partition("\n")[0]}
        )
    return chapters
