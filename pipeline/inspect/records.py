"""The records of a stage one after the other: documents, rejected documents by rule, unreadable records by error."""

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from data.documents import DOCUMENT_FILES
from pipeline.inspect.terminal import excerpt, visible, visible_line

if TYPE_CHECKING:
    import pyarrow as pa

FILES = {"documents": DOCUMENT_FILES, "rejected": "rejected.parquet", "quarantine": "quarantine.parquet"}
BATCH_ROWS = 64  # read at a time: the first record shows at once, whatever the size of the corpus
EXCERPT = 600  # characters of a text, unless the whole is asked for
FACT = 300  # characters of anything else
NOT_ORIGIN = ("id", "text", "excerpt", "rule", "detail", "error", "stages", "duplicates", "scores")


class Found(NamedTuple):
    """A record, and where it lies."""

    path: Path
    row: int  # of the table, from 0
    record: dict[str, Any]


def scan(
    artifact: Path, files: str, columns: Sequence[str] = (), mask: Callable[["pa.Table"], "pa.Array"] | None = None
) -> Iterator[Found]:
    """Records of the shards' files of this name in order, those where `mask` of these columns is true.

    Read a batch at a time; of a row group in which nothing matches only the columns are read. Raises OSError or
    pyarrow.ArrowInvalid for a damaged file.
    """
    import pyarrow.parquet as pq

    for path in sorted((artifact / "shards").glob(f"*/{files}")):
        with pq.ParquetFile(path) as file:
            start = 0
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                wanted = [True] * rows
                if mask:
                    wanted = mask(file.read_row_group(group, list(columns))).to_pylist()
                if any(wanted):
                    for number, record in _rows(file, group, wanted):
                        yield Found(path, start + number, record)
                start += rows


def _rows(file: Any, group: int, wanted: Sequence[bool]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number in the row group, and record, of the rows that are wanted."""
    start = 0
    for batch in file.iter_batches(BATCH_ROWS, row_groups=[group]):
        for number in range(batch.num_rows):
            if wanted[start + number]:
                yield start + number, batch.slice(number, 1).to_pylist()[0]
        start += batch.num_rows


def records(artifact: Path, what: str, rule: str | None = None, source: str | None = None) -> Iterator[dict[str, Any]]:
    """Records of one kind in order, of one source where it is named.

    `rule` is the beginning of a rejected document's rule (`c4`, `c4.sentences`), or a part of an unreadable record's error.
    """
    import pyarrow.compute as pc

    def mask(rows: "pa.Table") -> "pa.Array":
        matches = pc.equal(rows["source"], source) if source else pc.is_valid(rows["source"])
        if rule and what == "rejected":
            matches = pc.and_(matches, pc.starts_with(rows["rule"], rule))
        if rule and what == "quarantine":
            matches = pc.and_(matches, pc.match_substring(rows["error"], rule, ignore_case=True))
        return matches

    reason = {"rejected": ["rule"], "quarantine": ["error"]}.get(what, [])
    for found in scan(artifact, FILES[what], ["source", *reason], mask if rule or source else None):
        yield found.record


def check_filters(
    what: str, rule: str | None, source: str | None, counts: Mapping[str, Mapping[str, Any]], sources: Collection[str]
) -> None:
    """Raise ValueError, with the names that there are, for a rule or source of which the stages have no such records.

    `counts` are those of the stages, `sources` all that the run has read, whatever came of them.
    """
    stages = " and ".join(counts)
    if rule and what == "documents":
        raise ValueError("--rule goes with --show rejected or --show quarantine: documents passed all rules")
    rules = sorted({name for each in counts.values() for name in each["dropped"]})
    if rule and what == "rejected" and not any(name.startswith(rule) for name in rules):
        raise ValueError(f"--rule {rule}: {stages} rejected nothing by it{_there(rule, rules)}")
    passed = sorted({name for each in counts.values() for name in each["documents_by_source"]})
    if source and what == "documents" and source not in passed:
        raise ValueError(f"--source {source}: {stages} passed on nothing of it{_there(source, passed)}")
    if source and source not in sources:
        raise ValueError(f"--source {source}: the run has no such source{_there(source, sorted(sources))}")


def _there(name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(map(visible_line, names)) or 'none'}"


def print_each(found: Iterator[dict[str, Any]], limit: int | None, full: bool, console: Console) -> None:
    """Print up to `limit` records (None: all), and say so when there are more."""
    shown = 0
    for record in islice(found, limit):
        print_record(record, full, console)
        shown += 1
    if not shown:
        console.print("None.")
    elif shown == limit and next(found, None) is not None:
        console.print(f"[dim]There are more: -n {10 * shown} shows {10 * shown:,} of them.[/dim]", highlight=False)


def print_record(record: Mapping[str, Any], full: bool, console: Console) -> None:
    """One record: its name, why it is here, where it is from, and the beginning of its text or the whole."""
    console.rule(Text(visible_line(record.get("id", "unreadable")), "bold"), align="left", style="dim")
    console.print(facts_grid(_facts(record)), highlight=False)
    text = record["text"] if "text" in record else record["excerpt"]
    shown = visible(text) if full else excerpt(text, EXCERPT)
    console.print(Padding(Text(shown), (1, 0)) if shown else "", highlight=False)


def facts_grid(facts: Iterator[tuple[str, str]]) -> Table:
    """Names and values side by side; what they are may come from outside."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in facts:
        table.add_row(name, Text(visible_line(excerpt(value, FACT)), "red" if name in ("rule", "error") else ""))
    return table


def _facts(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if "rule" in record:
        yield "rule", f"{record['rule']}: {record['detail']}"
    if "error" in record:
        yield "error", record["error"]
    yield from origin(record)


def origin(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where a record is from, and all else that is known of it."""
    shown = {name: value for name, value in record.items() if name not in NOT_ORIGIN and value not in (None, "", "{}")}
    for name, value in shown.items():
        title = {"license": "licence"}.get(name, name.replace("_", " "))
        yield title, f"{value:.2f}" if isinstance(value, float) else str(value)
