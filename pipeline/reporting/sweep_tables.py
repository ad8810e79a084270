"""The plan and the results of a sweep, as the terminal shows them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from orchestration.files import read_json
from pipeline.runs.sweep import RESULTS, SHOWN


def print_sweep(view: Path, console: Console) -> None:
    """Print the table of a sweep's results, from its view; the best trial is marked."""
    found = read_json(view / RESULTS)
    results, winner = found["trials"], found["best"]
    fields = list(results[0]["values"])
    scores = [name for names in SHOWN.values() for name in names if any(name in result for result in results)]
    table = Table(title=f"Sweep {view.name}", title_justify="left", box=None, pad_edge=False)
    for column in ("trial", *(_short(field, fields) for field in fields), *(name.replace("_", " ") for name in scores)):
        table.add_column(column, justify="left" if column == "trial" else "right")
    for result in results:
        cells = [_score(result.get(name)) for name in scores]
        if result["state"] != "finished":
            cells = [str(result["state"]), *cells[1:]]
        values = [str(value) for value in result["values"].values()]
        style = "bold green" if result["trial"] == winner else ""
        table.add_row(str(result["trial"]), *values, *cells, style=style)
    console.print()
    console.print(table, highlight=False)
    for result in results:
        if "error" in result:
            console.print(f"{result['trial']}: {result['error']}", highlight=False, markup=False, soft_wrap=True)
    if winner is None:
        console.print("No best one: the trials have no score that compares, one of the same tokens or texts.")
    else:
        console.print(f"best: {winner}; `gristmill export {winner} --to FOLDER` releases it", highlight=False)


def _short(field: str, fields: Sequence[str]) -> str:
    """The last part of a field's name, or the whole name where another field ends in the same part."""
    last = field.split(".")[-1]
    return last if sum(other.split(".")[-1] == last for other in fields) == 1 else field


def _score(value: Any) -> str:
    return "" if value is None else f"{value:,.4f}" if isinstance(value, float) else f"{value:,}"


def print_sweep_plan(run: str, planned: Mapping[str, Any], console: Console) -> None:
    """Print the plan of a sweep: a line for the stages that all trials share, and one for each trial."""
    table = Table(title=f"Plan of sweep {run}", title_justify="left", box=None, pad_edge=False)
    for column in ("", "build", "reuse"):
        table.add_column(column, overflow="fold")
    for name, stages in (
        ("shared by all", planned["shared"]),
        *((_label(trial), trial["stages"]) for trial in planned["trials"]),
    ):
        by_action = [
            ", ".join(entry["stage"] for entry in stages if entry["action"] == action) for action in ("build", "reuse")
        ]
        table.add_row(name, *by_action)
    console.print(table, highlight=False)
    flops = sum(trial["cost"].get("flops", 0) for trial in planned["trials"])
    if flops:
        console.print(f"\n{flops:.3g} FLOPs of training in all", highlight=False)


def _label(trial: Mapping[str, Any]) -> str:
    values = trial["values"]
    return f"{trial['trial']}: " + ", ".join(
        f"{_short(field, list(values))} {value}" for field, value in values.items()
    )
