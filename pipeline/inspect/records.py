"""The records of a stage, one after the other: documents, rejected documents, and unreadable records."""

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
BATCH_ROWS = 64  # rows that are read at a time, few, so that the first record shows at once in any corpus
EXCERPT = 600  # characters that are shown of a text, unless the whole is asked for
FACT = 300  # characters that are shown of any other value
NOT_ORIGIN = ("id", "text", "excerpt", "rule", "detail", "error", "stages", "duplicates", "scores")


class Found(NamedTuple):
    """A record, with the file and the row in which it lies."""

    path: Path
    row: int  # of the table, from 0
    record: dict[str, Any]


def scan(
    artifact: Path, files: str, columns: Sequence[str] = (), mask: Callable[["pa.Table"], "pa.Array"] | None = None
) -> Iterator[Found]:
    """Yield in order the records of those files of the shards that match the pattern `files`, where `mask` is true.

    `mask` gets a table of `columns` and gives a boolean for each row; without it all records match. Rows are read a batch at a
    time, and of a row group in which none matches only `columns` are read. Raises OSError or pyarrow.ArrowInvalid for a damaged
    file.
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
    """Yield the wanted rows of a row group: the number of each in the group, and its record."""
    start = 0
    for batch in file.iter_batches(BATCH_ROWS, row_groups=[group]):
        for number in range(batch.num_rows):
            if wanted[start + number]:
                yield start + number, batch.slice(number, 1).to_pylist()[0]
        start += batch.num_rows


def records(artifact: Path, what: str, rule: str | None = None, source: str | None = None) -> Iterator[dict[str, Any]]:
    """Yield the records of one kind, a key of FILES, in order; those of one `source` when it is given.

    `rule` chooses rejected documents by the beginning of their rule (`c4`, `c4.sentences`), and unreadable records by a part of
    their error. Raises as `scan` does.
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
    """Raise ValueError, with the known names, when the stages have no records of this kind for a rule or a source.

    `counts` has the counts of each stage, and `sources` all sources that the run has read, also those that lost all documents.
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
    """Print a record: its id, the reason why it was lost, its origin, and its text, of which only the beginning unless `full`."""
    console.rule(Text(visible_line(record.get("id", "unreadable")), "bold"), align="left", style="dim")
    console.print(facts_grid(_facts(record)), highlight=False)
    text = record["text"] if "text" in record else record["excerpt"]
    shown = visible(text) if full else excerpt(text, EXCERPT)
    console.print(Padding(Text(shown), (1, 0)) if shown else "", highlight=False)


def facts_grid(facts: Iterator[tuple[str, str]]) -> Table:
    """A table of names and values. Values come from documents, so control characters in them are made visible."""
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
    """Yield, as names and values, where a record comes from and what else is known of it."""
    shown = {name: value for name, value in record.items() if name not in NOT_ORIGIN and value not in (None, "", "{}")}
    for name, value in shown.items():
        title = {"license": "licence"}.get(name, name.replace("_", " "))
        yield title, f"{value:.2f}" if isinstance(value, float) else str(value)
