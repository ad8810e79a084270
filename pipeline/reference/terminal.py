"""Fields of the recipe on a terminal, each with a few lines that fit narrow ones."""

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pipeline.inspect.terminal import paged
from pipeline.reference.rows import Row


def print_fields(rows: Sequence[Row], console: Console) -> None:
    """Print fields with their defaults, meanings, and what else is known of them; long lists go through the pager."""
    if not console.is_terminal:  # Each part is a line then, so that programs such as grep find it whole.
        console = Console(file=console.file, width=10_000)
    with paged(console) as page:
        for row in rows:
            page.print(Text.assemble((row.name, "bold"), "  ", (_short(row.default), "cyan")))
            page.print(Padding(Text(row.meaning), (0, 0, 0, 2), expand=False))
            page.print(Padding(Text(_facts(row), style="dim"), (0, 0, 0, 2), expand=False))


def _facts(row: Row) -> str:
    unit = f"; unit: {row.unit}" if row.unit else ""
    source = f"; source: {row.source}" if row.source else ""
    needs = f"; only with {row.needs}" if row.needs else ""
    return f"{row.type}{unit}{needs}{source}; a change rebuilds {_rebuilds(row)}"


def _rebuilds(row: Row) -> str:
    if not row.rebuilds:
        return f"nothing ({row.affects})"
    return row.rebuilds[0] + (" and what is made from it" if len(row.rebuilds) > 1 else "")


def _short(default: str) -> str:
    return default if len(default) <= 200 else f"{default[:200]} …"
