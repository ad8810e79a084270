"""The lines of wikitext: headings, list items and rules without their markup, no headings of sections that have no text."""

import re

ITEM = re.compile(r"[*#:;]+")


def readable_lines(text: str) -> str:
    """The text with its headings and list items without markup, and no headings of sections that have no text."""
    lines: list[tuple[int, str]] = []  # each line with the level of its heading, or 0
    for raw in text.split("\n"):
        line = raw.strip()
        level = _heading_level(line)
        if level:
            _drop_empty_sections(lines, level)
            lines.append((level, line[level:-level].strip()))
        elif line.startswith("----"):
            lines += [(0, ""), (0, line.lstrip("-").lstrip())]
        elif item := ITEM.match(line):
            if content := line[item.end() :].strip():
                bullet = "  " * (len(item[0]) - 1) + "- " if item[0][-1] in "*#" else ""
                lines.append((0, bullet + content))
        else:
            lines.append((0, line))
    _drop_empty_sections(lines, 1)
    return "\n".join(f"\n{line}\n" if level else line for level, line in lines)


def _heading_level(line: str) -> int:
    if not line.startswith("=") or not line.strip("="):
        return 0
    return min(len(line) - len(line.lstrip("=")), len(line) - len(line.rstrip("=")), 6)


def _drop_empty_sections(lines: list[tuple[int, str]], level: int) -> None:
    """Take away the headings at the end that a heading of `level` leaves without text."""
    blank = len(lines)
    while blank and lines[blank - 1] == (0, ""):
        blank -= 1
    while blank and lines[blank - 1][0] >= level:
        blank -= 1
        while blank and lines[blank - 1] == (0, ""):
            blank -= 1
        del lines[blank:]
