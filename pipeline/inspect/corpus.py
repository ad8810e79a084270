"""The documents of a run after each stage: their sources, licences, lengths, languages, quality and personal data."""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.inspect.sample import CHARACTERS, measure, sample
from pipeline.inspect.terminal import print_wide, visible_line
from pipeline.runs.view import manifests
from pipeline.stages.stage import document_shards

# For each table the key that it has in a stage's counts.
TABLES = {
    "sources": "documents_by_source",
    "licences": "licenses",
    "characters": "lengths_out",
    "languages": "languages_out",
    "language scores": "language_scores_out",
}
# For tables of intervals, the end of each interval from its start. Other tables count by name.
ENDS = {
    "characters": lambda start: f"{max(2 * int(start) - 1, 0):,}",
    "language scores": lambda start: f"{float(start) + 0.1:.1f}",
}
VALUES = 8  # the most frequent names, which are shown
LABEL = 24  # the characters of a name that are shown
BAR = 10  # the width of a full bar, in characters
WIDE = 110  # A console with this many columns has room for bars.


def corpus(view: Path, stages: Sequence[str]) -> dict[str, Any]:
    """Facts about the documents after each of `stages`, for programs.

    `tables` has numbers of documents by table, stage and value; a length or score stands under the lower end of its interval. A
    table that an older stage did not count is counted on a sample of its documents and named in `estimated`. `measures` has the
    10th percentile, the median and the 90th percentile of what the quality rules measure in samples after the first and the last
    stage, and `sampled` has the numbers of documents in the samples. `masked` and `lines_dropped` are counts of the stage clean.
    Raises ValueError when a manifest is damaged.
    """
    from data.profile import Profile

    found = manifests(view)
    counts = {stage: found[stage]["counts"] for stage in stages}
    samples = {stage: sample(document_shards(view / stage)) for stage in stages}
    tables: dict[str, dict[str, Any]] = {name: {} for name in TABLES}
    estimated: dict[str, list[str]] = {}
    for stage in stages:
        profile = Profile()
        profile.keep(samples[stage])
        sampled: dict[str, Any] = profile.counts()
        for name, key in TABLES.items():
            tables[name][stage] = counts[stage].get(key, sampled[key])
            if key not in counts[stage] and sampled[key]:
                estimated.setdefault(stage, []).append(name)
    cleaned = counts.get("clean", {})
    # Languages are identified by clean, so the languages of its input stand for those of collect.
    tables["languages"][stages[0]] |= cleaned.get("languages", {})
    tables["language scores"][stages[0]] |= cleaned.get("language_scores", {})
    splitter = found.get("clean", {}).get("config", {}).get("words", "whitespace")
    return {
        "tables": tables,
        "estimated": estimated,
        "measures": {stage: measure(samples[stage], splitter) for stage in dict.fromkeys((stages[0], stages[-1]))},
        "sampled": {stage: len(table) for stage, table in samples.items()},
        "masked": cleaned.get("pii", {}),
        "lines_dropped": cleaned.get("lines_dropped", {}),
    }


def print_corpus(facts: Mapping[str, Any], console: Console) -> None:
    """Print the facts that `corpus` gives."""
    table = _grid("documents after", list(facts["sampled"]))
    for name, by_stage in facts["tables"].items():
        _add_values(table, name, by_stage, bars=console.width >= WIDE)
    print_wide(table, console)
    for stage, names in facts["estimated"].items():
        sampled = f"{facts['sampled'][stage]:,} of its documents"
        console.print(Text(f"{stage} did not count {', '.join(names)}: these are of {sampled}.", "dim"))
    _print_measures(facts, console)
    _print_times("personal data masked", facts["masked"], console)
    _print_times("lines dropped in what is kept", facts["lines_dropped"], console)


def _grid(title: str, columns: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(title, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _add_values(table: Table, name: str, by_stage: Mapping[str, Mapping[str, int]], bars: bool) -> None:
    """Add a line for each value: how many documents have it after each stage, their share and, with `bars`, a bar."""
    total: Counter[str] = Counter()
    for counts in by_stage.values():
        total.update(counts)
    if name in ENDS:
        lines = [(f"{float(value):,g} to {ENDS[name](value)}", [value]) for value in sorted(total, key=float)]
    else:
        values = [value for value, _ in total.most_common()]
        lines = [(_shortened(value), [value]) for value in values[:VALUES]]
        lines += [(f"{len(values) - VALUES:,} others", values[VALUES:])] if len(values) > VALUES else []
    table.add_row(Text(name, "bold"))
    for label, members in lines:
        cells = [_cell(sum(counts.get(value, 0) for value in members), counts, bars) for counts in by_stage.values()]
        table.add_row(Text(f"  {label}"), *cells)


def _shortened(name: str) -> str:
    shown = visible_line(name)
    return shown if len(shown) <= LABEL else shown[: LABEL - 1] + "…"


def _cell(number: int, counts: Mapping[str, int], bars: bool) -> str:
    total = sum(counts.values())
    if total == 0:  # nothing was counted, or no document passed, though collect names its sources even then
        return "-"
    share = number / total
    bar = " " + ("█" * round(share * BAR)).ljust(BAR) if bars else ""
    return f"{number:,} {share:>6.1%}{bar}"


def _print_measures(facts: Mapping[str, Any], console: Console) -> None:
    """Print what the quality rules measure before and after; a rule whose three percentiles are all 0 is only counted."""
    measures = facts["measures"]
    rules = list(dict.fromkeys(rule for each in measures.values() for rule in each))
    telling = [rule for rule in rules if any(any(each.get(rule, [])) for each in measures.values())]
    table = _grid("quality", list(measures))
    for family, members in groupby(telling, lambda rule: rule.split(".")[0]):
        table.add_row(Text(family, "bold"), *("10 %  median   90 %" for _ in measures))
        for rule in members:
            table.add_row(f"  {rule.split('.')[1]}", *(_percentiles(each.get(rule)) for each in measures.values()))
    console.print()
    print_wide(table, console)
    sizes = " and ".join(f"{facts['sampled'][stage]:,}" for stage in measures)
    zero = f"; {len(rules) - len(telling)} more rules measure 0 in nearly all" if len(rules) > len(telling) else ""
    console.print(Text(f"Of the first {CHARACTERS:,} characters of {sizes} documents{zero}.", "dim"))


def _percentiles(values: Sequence[float] | None) -> str:
    return "".join(f"{value:>8,.{0 if value >= 100 else 1 if value >= 10 else 3}f}" for value in values or ()) or "-"


def _print_times(title: str, counts: Mapping[str, int], console: Console) -> None:
    if counts:
        table = _grid(title, ["times"])
        for name, number in counts.items():
            table.add_row(Text(f"  {visible_line(name)}"), f"{number:,}")
        console.print()
        print_wide(table, console)
