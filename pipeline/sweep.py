"""A sweep: trials of one recipe with other values, side by side on one cluster; what they have in common is built once."""

import itertools
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from orchestration.files import write_json, write_text
from orchestration.processes import Command, run_processes
from orchestration.progress import Display
from orchestration.store import Store
from pipeline.failures import RunStopped
from pipeline.origin import with_origin
from pipeline.plan import Step, make_plan
from pipeline.recipe import Recipe
from pipeline.recipe_file import check_recipe, to_yaml, with_value
from pipeline.run import run_recipe, stop_on_signals
from pipeline.view import manifests, run_status, runs_folder

RESULTS = "sweep.json"
TRIALS = "trials"  # the folder of their recipes and of what they print
BEST_BY = ("bits_per_byte", "validation_loss", "loss")  # the first of these that every trial has; less is better


SHOWN = {"pretrain": ("steps", "loss", "validation_loss"), "evaluate": ("perplexity", "bits_per_byte")}
TAIL_BYTES = 4096


@dataclass(frozen=True)
class Trial:
    """One combination of the values, a run of its own."""

    values: Mapping[str, Any]
    recipe: Recipe

    @property
    def name(self) -> str:
        """The name of its run."""
        return self.recipe.name


def make_trials(recipe: Recipe) -> list[Trial]:
    """Every combination of the values of `recipe.sweep`, the last field changing fastest, named `<name>.1` and so on.

    Raises RecipeError for a field that is not there or a value that is not allowed.
    """
    assert recipe.sweep
    plain = recipe.model_copy(update={"sweep": None}).model_dump(mode="json")
    fields, trials = list(recipe.sweep.values), []
    for number, values in enumerate(itertools.product(*recipe.sweep.values.values()), 1):
        changed: Mapping[str, Any] = {**plain, "name": f"{recipe.name}.{number}"}
        for field, value in zip(fields, values, strict=True):
            changed = with_value(changed, field, value)
        chosen = dict(zip(fields, values, strict=True))
        trials.append(Trial(chosen, check_recipe(changed, f"sweep, trial {number}")))
    return trials


def run_sweep(
    recipe: Recipe,
    base: Path,
    workdir: Path,
    console: Console,
    address: str | None = None,
    verify: bool = False,
) -> list[dict[str, Any]]:
    """Build what all trials share, then run them, as many at a time as the cluster has room for; gives their results.

    Each trial is a run `<name>.<number>`, which `status`, `export` and the rest know; the results also stand in
    `runs/<name>/sweep.json`. A trial that fails does not stop the others. Run again, the same sweep goes on where it stopped.
    Raises ValueError for the user's mistakes, StageFailed when a shared stage fails, RunStopped when a signal asked for it.
    """
    from orchestration.cluster import cluster, own_address, resources

    workdir, base = workdir.resolve(), base.resolve()
    trials = make_trials(recipe)
    folder = runs_folder(workdir) / recipe.name
    with cluster(address, recipe.resources.cpus):
        last = shared_stages([plan_trial(trial, base, workdir, verify) for trial in trials])[-1:]
        if last:
            first = trials[0].recipe.model_copy(update={"name": recipe.name, "sweep": recipe.sweep})
            run_recipe(first, base, workdir, console, until=last[0])
        commands = {trial.name: _command(trial, folder / TRIALS, base, workdir, own_address()) for trial in trials}
        at_once = (recipe.sweep and recipe.sweep.parallel) or room(trials, resources())
        with Display(console) as display, stop_on_signals(display.say) as should_stop:
            watch = _Watch(trials, workdir, display)
            run_processes(commands, at_once, watch, should_stop)
            if should_stop():
                raise RunStopped(should_stop.signal)
    results = [trial_facts(trial, runs_folder(workdir) / trial.name, commands[trial.name].log) for trial in trials]
    write_json(folder / RESULTS, results)
    return results


def plan_trial(trial: Trial, base: Path, workdir: Path, verify: bool = False) -> list[Step]:
    """The plan of the run that a trial is."""
    view = runs_folder(workdir) / trial.name
    return make_plan(with_origin(trial.recipe, base), base, Store(workdir / "store"), view, verify)


def shared_stages(plans: Sequence[Sequence[Step]]) -> list[str]:
    """Stages whose artifact is the same in all trials, in order."""
    names = [step.stage.name for step in plans[0]]
    made = [{step.stage.name: step.identity.fingerprint for step in plan} for plan in plans]
    return [name for name in names if len({each.get(name) for each in made}) == 1]


def room(trials: Sequence[Trial], cluster: Mapping[str, float]) -> int:
    """Trials whose ranks the cluster has room for at the same time, at least one."""
    ranks = max(trial.recipe.pretrain.training.ranks if trial.recipe.pretrain else 1 for trial in trials)
    return max(1, int((cluster.get("GPU") or cluster.get("CPU", 1)) // ranks))


def _command(trial: Trial, folder: Path, base: Path, workdir: Path, address: str) -> Command:
    recipe = folder / f"{trial.name}.yaml"
    recipe.parent.mkdir(parents=True, exist_ok=True)
    write_text(recipe, to_yaml(trial.recipe))
    program = [
        sys.executable,
        "-P",
        "-m",
        "pipeline.cli",
        "run",
        str(recipe),
    ]  # -P: nothing in the current folder is imported
    options = ["--workdir", str(workdir), "--base", str(base), "--address", address]
    code = ["--allow-code"] if trial.recipe.functions else []
    return Command([*program, *options, *code], folder / f"{trial.name}.log")


class _Watch:
    """Shows how far the trials are that run right now."""

    def __init__(self, trials: Sequence[Trial], workdir: Path, display: Display) -> None:
        self._steps = {t.name: t.recipe.pretrain.training.steps if t.recipe.pretrain else 0 for t in trials}
        self._runs, self._display = runs_folder(workdir), display
        self._shown: set[str] = set()

    def __call__(self, running: Sequence[str]) -> None:
        for name in self._shown.difference(running):
            self._display.finish(name)
            self._display.say(f"{name} ended")
        self._shown = set(running)
        for name in running:
            stage, step = whereabouts(self._runs / name / "events.jsonl")
            self._display.update(name, step, self._steps[name], "steps", stage)


def whereabouts(events: Path) -> tuple[str, int]:
    """The stage that a run's event log ends in and its newest training step, 0 before there is one; reads the end only."""
    stage = ""
    if not events.exists():
        return stage, 0
    with events.open("rb") as file:
        file.seek(max(0, events.stat().st_size - TAIL_BYTES))
        lines = file.read().splitlines()
    for line in reversed(lines):
        try:
            event = json.loads(line)
        except ValueError:  # half a line
            continue
        if event.get("event") == "run_started":  # what stands before is an earlier attempt
            break
        stage = stage or event.get("stage", "")
        if isinstance(event.get("step"), int):
            return stage, int(event["step"])
    return stage, 0


def trial_facts(trial: Trial, view: Path, log: Path) -> dict[str, Any]:
    """What came out of a trial: its values, how it ended, losses and scores as far as it got."""
    state = run_status(view) if (view / "plan.json").is_file() else {"state": "failed"}
    facts: dict[str, Any] = {"trial": trial.name, "values": dict(trial.values), "state": state["state"]}
    if state["state"] != "finished":
        said = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        return {**facts, "error": state.get("error") or (said or ["it said nothing"])[-1]}
    found = manifests(view)
    for stage, names in SHOWN.items():
        if stage in found:
            facts |= {name: found[stage]["counts"][name] for name in names}
    return facts


def best(results: Sequence[Mapping[str, Any]]) -> str | None:
    """The name of the best trial, by the first score of BEST_BY that all that finished have."""
    finished = [result for result in results if result["state"] == "finished"]
    for name in BEST_BY:
        scores = {str(result["trial"]): result.get(name) for result in finished}
        if finished and None not in scores.values():
            return min(scores, key=lambda trial: float(scores[trial] or 0))
    return None


def print_sweep(run: str, results: Sequence[Mapping[str, Any]], console: Console) -> None:
    """The table of results; the best trial is marked."""
    winner = best(results)
    fields = list(results[0]["values"])
    scores = [name for names in SHOWN.values() for name in names if any(name in result for result in results)]
    table = Table(title=f"Sweep {run}", title_justify="left", box=None, pad_edge=False)
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
    if winner:
        console.print(f"best: {winner}; `gristmill export {winner} --to FOLDER` releases it", highlight=False)


def _short(field: str, fields: Sequence[str]) -> str:
    """The last part of a field's name, where no other ends in the same."""
    last = field.split(".")[-1]
    return last if sum(other.split(".")[-1] == last for other in fields) == 1 else field


def _score(value: Any) -> str:
    return "" if value is None else f"{value:,.4f}" if isinstance(value, float) else f"{value:,}"
