"""The page of documentation with all fields of the recipe, as Markdown."""

from collections.abc import Sequence
from itertools import groupby

from pipeline.reference.rows import Row

HEAD = """# The recipe, field by field

`make docs` makes this page from the code. `gristmill fields` looks a field up in a terminal, and editors complete and check
a recipe whose first line names `configs/recipe.schema.json`. A field marked *speed* or *display* rebuilds nothing."""


def recipe_page(rows: Sequence[Row]) -> str:
    """The page: a heading and a table for each section of the recipe, and what a change in it rebuilds."""
    groups = [list(group) for _, group in groupby(rows, key=lambda row: row.name.partition(".")[0])]
    parts = [HEAD, _table([group[0] for group in groups if len(group) == 1])]
    for section, *fields in groups:
        if fields:
            rebuilds = f" A change rebuilds {', '.join(section.rebuilds)}." if section.rebuilds else ""
            parts += [f"## {section.name}", section.meaning + rebuilds, _table(fields)]
    return "\n\n".join(parts) + "\n"


def _table(rows: Sequence[Row]) -> str:
    lines = ["| field | what it takes | default | meaning |", "| --- | --- | --- | --- |"]
    for row in rows:
        unit = f"; unit: {row.unit}" if row.unit else ""
        needs = f" Only with {row.needs}." if row.needs else ""
        source = f" Source: {row.source}." if row.source else ""
        mark = "" if row.affects == "output" else f" *{row.affects}*"
        cells = (f"`{row.name}`", row.type + unit, f"`{row.default}`", row.meaning + needs + source + mark)
        lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return "\n".join(lines)
