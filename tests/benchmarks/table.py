"""How a row of the benchmark is measured, and how the rows are shown and kept.

Every row sets ours beside a public tool that does the same work on the same input in the same run. The contenders take
turns, in an order that is reversed every round, so that a change in the machine's load meets them all. A speed is the median over
the rounds; `ratio` is the median of the rounds' ratios (ours / reference, above 1: ours is faster), which a busy machine
moves less than the quotient of the two medians.

"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from importlib import import_module
from itertools import cycle
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table

ROUNDS = 9
Sized = TypeVar("Sized", str, bytes)


@dataclass(frozen=True)
class Row:
    """One comparison; `ours` and `reference` in `unit`, more is better."""

    name: str
    ours: float
    reference: float
    reference_name: str
    unit: str
    ratio: float
    spread: tuple[float, float]  # the middle half of the rounds' ratios lies between these
    repeats: int


def rows_of(subject: str) -> list[Row]:
    """Measure `subject` in a process of its own: what those before it left in memory is not to slow it down."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_rows, subject).result()


def _rows(subject: str) -> list[Row]:
    rows: list[Row] = import_module(f"tests.benchmarks.{subject}").rows()
    return rows


def measure(subject: str, contenders: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Seconds of each contender in each round, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    begin = time.perf_counter()
    for done in range(-1, rounds):
        names = list(contenders)[:: 1 if done % 2 else -1]
        for name in names:
            start = time.perf_counter()
            contenders[name]()
            if done >= 0:
                seconds[name].append(time.perf_counter() - start)
        left = (time.perf_counter() - begin) / (done + 2) * (rounds - done - 1)
        print(f"{subject}: round {done + 1} of {rounds}, {left:.0f} s left", file=sys.stderr, flush=True)
    return seconds


def parts_of(items: Sequence[Sized], number: int) -> list[list[Sized]]:
    """The items in parts of the same size, but for a little: long ones and short ones in each."""
    by_size = sorted(items, key=len)
    return [by_size[part::number] for part in range(number)]


def in_turn(calls: Sequence[Callable[[], object]]) -> Callable[[], object]:
    """A contender of `measure` that does its work on one part of the input a round: calls the next of `calls`, over and over."""
    turn = cycle(calls)
    return lambda: next(turn)()


def compare(
    name: str, seconds: dict[str, list[float]], ours: str, reference: str, amount: float, unit: str, label: str = ""
) -> Row:
    """The row for two contenders of `measure` that went through `amount` units a round; `label` names the reference in full."""
    ratios = [theirs / mine for mine, theirs in zip(seconds[ours], seconds[reference], strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return Row(
        name,
        round(amount / statistics.median(seconds[ours]), 1),
        round(amount / statistics.median(seconds[reference]), 1),
        label or reference,
        unit,
        round(middle, 3),
        (round(low, 3), round(high, 3)),
        len(ratios),
    )


def show(rows: list[Row]) -> None:
    """Print the rows as one table."""
    table = Table(title="Ours beside public tools (ratio above 1: ours is faster)", title_justify="left")
    for title in ("what", "reference"):
        table.add_column(title, overflow="fold")
    for title in ("ours", "reference", "unit", "ratio", "middle half", "rounds"):
        table.add_column(title, justify="left" if title == "unit" else "right", no_wrap=True)
    for row in rows:
        low, high = row.spread
        numbers = (_figure(row.ours), _figure(row.reference), row.unit, f"{row.ratio:.2f}", f"{low:.2f} - {high:.2f}")
        table.add_row(row.name, row.reference_name, *numbers, str(row.repeats))
    console = Console()
    # A file or a pipe has no width of its own.
    Console(width=None if console.is_terminal else 130).print(table)


def save(rows: list[Row], path: Path) -> None:
    """Write the rows as a JSON list."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
