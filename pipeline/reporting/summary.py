"""What the terminal shows: the summary of a run, a plan, the states of runs, and findings of the doctor."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestration.files import folder_bytes, read_json
from orchestration.progress import duration
from pipeline.recipe.reading import load_recipe
from pipeline.runs.alarms import Alarm, run_alarms
from pipeline.runs.plan import Step
from pipeline.runs.view import manifests
from pipeline.stages.score_words import compared, interval, number, rivals

DOCUMENT_STAGES = ("collect", "documents", "clean", "dedup")


def print_summary(view: Path, report: Path, console: Console) -> None:
    """Print the closing table of a run, from the manifests and scores that its view leads to.

    Raises ValueError when one of them is damaged.
    """
    table = Table(title=f"Run {view.name}", title_justify="left", show_header=False, pad_edge=False, box=None)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in summary_rows(view):
        table.add_row(name, value)
    table.add_row("report", str(_near(report)))
    console.print()
    console.print(table, highlight=False)
    for alarm in view_alarms(view):
        console.print(Text("ALARM  ", "bold red") + Text(str(alarm)), highlight=False, soft_wrap=True)


def view_alarms(view: Path) -> list[Alarm]:
    """The alarms of a run; raises ValueError when its recipe or a manifest is damaged."""
    return run_alarms(load_recipe(view / "recipe.yaml"), manifests(view), view)


def summary_rows(view: Path) -> list[tuple[str, str]]:
    """The lines (name, value) of the summary of a run; raises ValueError when a manifest or a file of scores is damaged."""
    found = manifests(view)
    counts = {name: manifest["counts"] for name, manifest in found.items()}
    rows = []
    passed = [stage for stage in DOCUMENT_STAGES if stage in counts]
    if passed:
        rows.append(("documents in", f"{counts[passed[0]]['documents_in']:,}"))
    for stage in passed:
        rows.append((f"  {stage}", _losses(counts[stage])))
        rows += _reading_rows(counts[stage])
    if passed:
        rows.append(("documents out", f"{counts[passed[-1]]['documents_out']:,}"))
    for name in ("tokenize", "tokens"):
        if name in counts:
            splits = ", ".join(f"{split} {number:,}" for split, number in counts[name]["tokens_by_split"].items())
            rows.append(("tokens", f"{counts[name]['tokens']:,} ({splits})"))
    if "network" in counts:
        rows.append(("network", f"{counts['network']['parameters']:,} parameters, trained elsewhere"))
    if "pretrain" in counts:
        rows += _training_rows(counts["pretrain"])
    for stage, rows_of in (("evaluate", _evaluation_rows), ("finetune", _finetuning_rows)):
        several = [name for name in found if found[name]["stage"] == stage]
        for name in several:
            rows += [(name, "")] if len(several) > 1 else []
            rows += rows_of(read_json(view / name / "scores.json"))
            if cut := counts[name].get("texts_cut"):
                rows.append(("  texts cut", f"{cut:,}, longer than what is read of them"))
    if "export" in counts:
        folder = view / "export" / "hf"
        difference = counts["export"]["largest_logit_difference"]
        rows.append(("exported", f"{_near(folder)} (Hugging Face, {folder_bytes(folder.resolve()) / 1e6:,.1f} MB)"))
        rows.append(("  checked", f"logits within {difference:.1e} of the trained network's, same greedy text"))
    return rows


def _reading_rows(counts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a stage noticed while it read: files in other encodings than UTF-8, and benchmark items that protect nothing."""
    rows = []
    if found := counts.get("encodings"):
        rows.append(("    read as", ", ".join(f"{name} {number:,}" for name, number in found.items())))
    if unprotected := {
        name: number for name, number in counts.get("benchmark_items_unprotected", {}).items() if number
    }:
        items = counts["benchmark_items"]
        shown = ", ".join(f"{number:,} of {items[name]:,} of {name}" for name, number in unprotected.items())
        rows.append(("    no protection", f"for {shown}: items that are too short to be found in documents"))
    return rows


def _losses(counts: Mapping[str, Any]) -> str:
    dropped = ", ".join(f"{rule} {number:,}" for rule, number in counts["dropped"].items())
    parts = [f"dropped {sum(counts['dropped'].values()):,}" + (f" ({dropped})" if dropped else "")]
    if counts["quarantined"]:
        parts.append(f"quarantined {counts['quarantined']:,}")
    if added := counts.get("documents_added"):
        parts.append(f"{counts['documents_cut']:,} long ones cut into {counts['documents_cut'] + added:,} parts")
    return ", ".join(parts)


def _training_rows(counts: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [("network", f"{counts['parameters']:,} parameters, {counts['steps']:,} steps, {counts['tokens']:,} tokens")]
    if counts.get("steps_left_out"):
        rows.append(("  left out", f"{counts['steps_left_out']:,} steps whose loss or gradient was out of line"))
    if counts.get("parent"):
        taken = "weights" if counts["parent"]["mode"] == "weights" else "weights, optimizer and step"
        at = f" at step {counts['parent']['step']:,}" if "step" in counts["parent"] else ""
        rows.append(("  began with", f"{taken} of {counts['parent']['identity'][:12]}{at}"))
    loss = f"training {counts['loss']:.4f}"
    if counts["validation_loss"] is not None:
        loss += f", validation {counts['validation_loss']:.4f}"
    rows.append(("loss", f"{loss} nats a token"))
    if sizes := counts.get("without_validation"):
        rows.append(("  no validation", f"of {', '.join(sizes)}: less than one window of validation tokens"))
    return rows


def _evaluation_rows(scores: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = _test_rows(scores["test"]["all"]) if scores["test"] else []
    for task, result in scores["tasks"].items():
        rows.append((f"task {task}", f"accuracy {interval(result['accuracy'], 3)}, chance {result['chance']:.3f}"))
    return rows


def _test_rows(test: Mapping[str, Any]) -> list[tuple[str, str]]:
    rows = [
        ("perplexity", f"{interval(test['perplexity'], 2)} on {test['documents']} test documents"),
        ("bits per byte", interval(test["bits_per_byte"], 4)),
    ]
    return rows + [
        (f"  {name}", f"{rival['bits_per_byte']:.4f}, {compared(rival)}") for name, rival in rivals(test).items()
    ]


def _finetuning_rows(scores: Mapping[str, Any]) -> list[tuple[str, str]]:
    seeds = len(scores["pretrained"]["accuracy"]["seeds"])
    lines = {
        f"fine-tuned ({seeds} seeds)": {name: scores["pretrained"][name]["mean"] for name in ("accuracy", "macro_f1")},
        "  from random weights": {name: scores["random_weights"][name]["mean"] for name in ("accuracy", "macro_f1")},
        "  majority class": scores["majority_class"],
    }
    if "tfidf" in scores:  # Earlier versions did not compute it.
        lines["  TF-IDF, no network"] = scores["tfidf"]
    return [(name, f"accuracy {line['accuracy']:.4f}, macro-F1 {line['macro_f1']:.4f}") for name, line in lines.items()]


def _near(path: Path) -> Path:
    """A path as the user would type it: relative, if it is below the current folder."""
    try:
        here = Path.cwd()
    except FileNotFoundError:  # Ray has removed the current folder, which was that of its job.
        return path
    return path.relative_to(here) if path.is_relative_to(here) else path


ACTION_STYLES = {"reuse": "green", "compare": "cyan", "depends": "cyan", "build": "yellow"}


def print_plan(run: str, steps: Sequence[Step], cost: Mapping[str, Any], console: Console) -> None:
    """Print what a run would do, and its costs."""
    table = Table(title=f"Plan of run {run}", title_justify="left", box=None, pad_edge=False)
    for column in ("stage", "action", "why", "artifact"):
        table.add_column(column, overflow="fold")
    for step in steps:
        name = step.artifact.name if step.artifact else step.identity.name if step.identity else ""
        table.add_row(step.name, Text(step.action, ACTION_STYLES[step.action]), Text(step.reason), name[:12])
    console.print(table, highlight=False)
    console.print()
    console.print(facts_table({key: value for key, value in cost.items() if key != "stages_to_build"}), highlight=False)


def print_status(runs: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print each run with the state of its stages."""
    if not runs:
        console.print("No runs yet.")
    for run in runs:
        error = f": {run['error']}" if "error" in run else ""
        console.print(Text(run["run"], "bold") + Text(f"  {run['state']}{error}"), highlight=False)
        table = Table(box=None, pad_edge=False, show_header=False)
        for stage, facts in run["stages"].items():
            progress = f"{facts['shards_done']} shards" if facts.get("shards_done") else ""
            progress = f"step {facts['step']:,}" if "step" in facts else progress
            took = duration(facts["seconds"]) if "seconds" in facts else ""
            table.add_row(f"  {stage}", facts["state"], progress, took)
        console.print(table, highlight=False)


def print_findings(findings: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Print the findings of the doctor."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for finding in findings:
        mark = Text("ok", "green") if finding["ok"] else Text("not ok", "red")
        remedy = f" ({finding['remedy']})" if "remedy" in finding else ""
        table.add_row(mark, finding["part"], finding["found"] + remedy)
    console.print(table, highlight=False)


def facts_table(facts: Mapping[str, Any]) -> Table:
    """A table of names and values, in which nested ones are indented."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    _add_facts(table, facts, 0)
    return table


def _add_facts(table: Table, facts: Mapping[str, Any], depth: int) -> None:
    for name, value in facts.items():
        label = "  " * depth + name.replace("_", " ").replace(" bytes", "")
        if isinstance(value, Mapping):
            table.add_row(label, "")
            _add_facts(table, value, depth + 1)
        else:
            table.add_row(label, _shown(name, value))


def _shown(name: str, value: Any) -> str:
    if "bytes" in name and isinstance(value, int) and name != "bits_per_byte":
        return f"{value / 1e9:,.2f} GB" if value >= 1e9 else f"{value / 1e6:,.1f} MB"
    if name.startswith("seconds"):
        return duration(value)
    if name == "flops":
        return f"{value:.3g}"
    if isinstance(value, float):
        return number(value, 4) if abs(value) >= 1e12 else f"{value:,.4f}"
    if isinstance(value, list):
        return "  ".join(_shown(name, each) for each in value)
    return f"{value:,}" if isinstance(value, int) else str(value)
