"""Looking at the documents of a run in the terminal: the funnel, and records one by one."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from pipeline.view import manifests

FILES = {"documents": "documents-*.parquet", "rejected": "rejected.parquet", "quarantine": "quarantine.parquet"}
STAGES = ("collect", "clean", "dedup")
EXCERPT = 600  # characters


def print_funnel(view: Path, console: Console) -> None:
    """What every stage took, passed on and dropped, by reason."""
    table = Table(title=f"Documents of run {view.name}", title_justify="left", box=None, pad_edge=False)
    table.add_column("stage")
    table.add_column("what")
    table.add_column("documents", justify="right")
    table.add_column("share", justify="right")
    found = manifests(view)
    for stage in STAGES:
        if stage in found:
            for row in funnel_rows(stage, found[stage]["counts"]):
                table.add_row(*row)
    console.print(table, highlight=False)


def funnel_rows(stage: str, counts: dict[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Stage, what, number, share of what came in."""
    taken = counts["documents_in"]
    lines = [
        ("in", taken),
        *counts["dropped"].items(),
        ("quarantined", counts["quarantined"]),
        ("out", counts["documents_out"]),
    ]
    for number, (name, documents) in enumerate(lines):
        if documents or name in ("in", "out"):
            yield stage if number == 0 else "", name, f"{documents:,}", f"{documents / taken:.1%}" if taken else ""


def print_records(
    view: Path, stage: str, what: str, rule: str | None, source: str | None, limit: int, full: bool, console: Console
) -> None:
    """Show records of a stage; raises ValueError when the stage or the kind of record is unknown, or not there yet."""
    if stage not in STAGES:
        raise ValueError(f"--stage {stage}: documents are in {', '.join(STAGES)}")
    if what not in FILES:
        raise ValueError(f"--show {what}: there are funnel, {', '.join(FILES)}")
    if not (view / stage).exists():
        raise ValueError(f"run {view.name} has no {stage} yet")
    shown = 0
    with console.pager(styles=True) if console.is_terminal else contextlib.nullcontext():
        for record in records(view / stage, what):
            if (rule and not str(record.get("rule", "")).startswith(rule)) or (source and record["source"] != source):
                continue
            _print_record(record, full, console)
            shown += 1
            if shown == limit:
                break
        if not shown:
            console.print("None.")


def records(artifact: Path, what: str) -> Iterator[dict[str, Any]]:
    """Records of one kind, in order, read a batch at a time."""
    import pyarrow.parquet as pq

    for path in sorted((artifact / "shards").glob(f"*/{FILES[what]}")):
        for batch in pq.ParquetFile(path).iter_batches(batch_size=64):
            yield from batch.to_pylist()


def _print_record(record: dict[str, Any], full: bool, console: Console) -> None:
    head = {key: value for key, value in record.items() if key not in ("text", "excerpt") and value not in (None, "")}
    console.rule(str(record.get("id", record.get("locator", ""))), align="left", style="dim")
    for key, value in head.items():
        console.print(f"[dim]{key}[/dim] ", end="")
        console.print(str(value), highlight=False, markup=False)
    text = str(record.get("text", record.get("excerpt", "")))
    console.print(text if full or len(text) <= EXCERPT else text[:EXCERPT] + " …", highlight=False, markup=False)
