"""A sweep: trials of one recipe with other values, side by side on one cluster. Stages that they share are built once."""

import itertools
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from orchestration.events import EVENT
from orchestration.files import write_json, write_text
from orchestration.processes import Command, run_processes
from orchestration.progress import Display
from orchestration.side_records import parse_line
from orchestration.stopping import stop_on_signals
from orchestration.store import Store
from pipeline.failures import RunStopped
from pipeline.recipe.overrides import with_value
from pipeline.recipe.reading import check_code, check_recipe, to_yaml
from pipeline.recipe.recipe import Recipe
from pipeline.releases.origin import with_origin
from pipeline.runs.cost import estimate
from pipeline.runs.plan import Step, make_plan
from pipeline.runs.run import run_recipe
from pipeline.runs.upgrade import upgrade_store
from pipeline.runs.view import manifests, name_in, plan_facts, plan_or_links, runs_folder
from pipeline.runs.workdir import check_room

RESULTS = "sweep.json"
TRIALS = "trials"  # the folder with the recipe and the output of each trial
# The scores by which trials are compared, the preferred one first; less is better. Each has the stage that all trials must share:
# bits per byte compare on the same documents, losses on the same tokens.
BEST_BY = {"bits_per_byte": "dedup", "validation_loss": "tokenize"}
# For each score the fields and sections that decide on which documents or tokens it is measured.
CHOOSE = {
    "bits_per_byte": ("tokenize",),
    "validation_loss": ("tokenize", "pretrain.training.sequence_length", "pretrain.training.validation_samples"),
}
SHOWN = {"pretrain": ("steps", "loss", "validation_loss"), "evaluate": ("perplexity", "bits_per_byte")}
TAIL_BYTES = 4096


@dataclass(frozen=True)
class Trial:
    """One combination of the values, which is a run."""

    values: Mapping[str, Any]
    recipe: Recipe

    @property
    def name(self) -> str:
        """The name of the trial's run."""
        return self.recipe.name


def make_trials(recipe: Recipe) -> list[Trial]:
    """A trial for every combination of the values of `recipe.sweep`, named `<name>.1` and so on.

    The last field changes fastest. Raises RecipeError for a field that is not there or a value that is not allowed.
    """
    assert recipe.sweep
    plain = {**recipe.as_written(), "sweep": None}
    fields, trials = list(recipe.sweep.values), []
    for number, values in enumerate(itertools.product(*recipe.sweep.values.values()), 1):
        changed: Mapping[str, Any] = {**plain, "name": f"{recipe.name}.{number}"}
        chosen = dict(zip(fields, values, strict=True))
        places = dict(recipe.places)
        for field, value in chosen.items():
            changed = with_value(changed, field, value)
            written = recipe.places.get(("sweep", "values", field))
            places[tuple(field.split("."))] = f"{written or 'sweep'} (trial {number})"
        trials.append(Trial(chosen, check_recipe(changed, f"sweep, trial {number}", places)))
    return trials


def run_sweep(
    recipe: Recipe,
    base: Path,
    workdir: Path,
    console: Console,
    address: str | None = None,
    verify: bool = False,
    allow_code: bool = False,
) -> list[dict[str, Any]]:
    """Build the stages that all trials share, then run the trials, several at a time; gives the results as `trial_facts` does.

    As many trials run at a time as `recipe.sweep.parallel` says, or as the cluster has room for. Each trial is a run
    `<name>.<number>`, which `status`, `export` and other commands take. The results are also written to `runs/<name>/sweep.json`.
    A trial that fails does not stop the other trials. When the same sweep is run again, it goes on where it stopped. Raises
    ValueError for the user's mistakes, StageFailed when a shared stage fails, RunStopped when a signal asked for it.
    """
    from orchestration.cluster import cluster, largest_node, own_address, resources

    workdir, base = workdir.resolve(), base.resolve()
    trials = make_trials(recipe)
    for trial in trials:
        check_code(trial.recipe, allow_code)
    folder = runs_folder(workdir) / recipe.name
    check_room(workdir)
    upgrade_store(Store(workdir / "store"), runs_folder(workdir))
    plans = [plan_trial(trial, base, workdir, verify and trial is trials[0]) for trial in trials]
    shared = shared_stages(plans)
    with cluster(address, recipe.resources.cpus):
        if shared:
            first = trials[0].recipe.model_copy(update={"name": recipe.name, "sweep": recipe.sweep})
            run_recipe(first, base, workdir, console, until=shared[-1])
        at_once = (recipe.sweep and recipe.sweep.parallel) or room(trials, resources())
        commands = {
            trial.name: _command(
                with_threads(trial, min(at_once, len(trials)), {**resources(), "node_CPU": largest_node()}),
                folder / TRIALS,
                base,
                workdir,
                own_address(),
                allow_code,
            )
            for trial in trials
        }
        before = {name: size_of(command.log) for name, command in commands.items()}
        with Display(console) as display, stop_on_signals(display.say) as should_stop:
            watch = _Watch(trials, workdir, display)
            ended = run_processes(commands, at_once, watch, should_stop)
            if should_stop():
                raise RunStopped(should_stop.signal)
    results = [
        trial_facts(
            trial,
            runs_folder(workdir) / trial.name,
            said_since(before[trial.name], commands[trial.name].log),
            ended[trial.name],
        )
        for trial in trials
    ]
    views = [runs_folder(workdir) / result["trial"] for result in results if result["state"] == "finished"]
    alike = [*shared, *alike_stages(views)]
    write_json(folder / RESULTS, {"trials": results, "best": best(results, alike)})
    return results


def plan_trial(trial: Trial, base: Path, workdir: Path, verify: bool = False) -> list[Step]:
    """The plan of a trial's run; raises ValueError as `make_plan` and `with_origin` do."""
    recipe, view = _with_origin(trial, base, workdir), runs_folder(workdir) / trial.name
    return make_plan(recipe, base, Store(workdir / "store"), view, verify)


def _with_origin(trial: Trial, base: Path, workdir: Path) -> Recipe:
    return with_origin(trial.recipe, base, runs_folder(workdir) / trial.name)


def shared_stages(plans: Sequence[Sequence[Step]]) -> list[str]:
    """The names of the steps that have the same recipe key in all plans, in order."""
    names = [step.name for step in plans[0]]
    made = [{step.name: step.key for step in plan} for plan in plans]
    return [name for name in names if len({each.get(name) for each in made}) == 1]


def alike_stages(views: Sequence[Path]) -> list[str]:
    """Stages that came out as the same artifact in all of these runs, although some were made of something else."""
    made = [{name_in(entry): entry["artifact"] for entry in plan_or_links(view)} for view in views]
    return [stage for stage in made[0] if len({each.get(stage) for each in made}) == 1] if made else []


def room(trials: Sequence[Trial], cluster: Mapping[str, float]) -> int:
    """How many trials the cluster has room for at the same time, by their ranks; at least one."""
    ranks = max(trial.recipe.pretrain.training.ranks if trial.recipe.pretrain else 1 for trial in trials)
    return max(1, int((cluster.get("GPU") or cluster.get("CPU", 1)) // ranks))


def with_threads(trial: Trial, at_once: int, cluster: Mapping[str, float]) -> Trial:
    """The trial with its share of the CPUs as the number of threads of each rank.

    It is unchanged when the recipe has set `threads`, or when the cluster has GPUs, which do the work then.
    """
    pretrain = trial.recipe.pretrain
    if pretrain is None or pretrain.training.threads or cluster.get("GPU"):
        return trial
    node, ranks = int(cluster.get("node_CPU", 1)), pretrain.training.ranks
    threads = max(1, min(int(cluster.get("CPU", 1)) // (at_once * ranks), node))
    changed = with_value(trial.recipe.model_dump(mode="json"), "pretrain.training.threads", threads)
    return replace(trial, recipe=check_recipe(changed, trial.name))


def size_of(log: Path) -> int:
    """The size of a file in bytes, 0 where there is none."""
    return log.stat().st_size if log.exists() else 0


def said_since(size: int, log: Path) -> list[str]:
    """The lines that were added to a log since it had `size` bytes, without blank ones."""
    with log.open("rb") as file:
        file.seek(size)
        lines = file.read().decode(errors="replace").splitlines()
    return [line for line in lines if line.strip()]


def _command(trial: Trial, folder: Path, base: Path, workdir: Path, address: str, allow_code: bool) -> Command:
    recipe = folder / f"{trial.name}.yaml"
    recipe.parent.mkdir(parents=True, exist_ok=True)
    write_text(recipe, to_yaml(trial.recipe))
    program = [
        sys.executable,
        "-P",
        "-m",
        "gristmill",
        "run",
        str(recipe),
    ]  # -P keeps Python from importing what lies in the current folder
    options = ["--workdir", str(workdir), "--base", str(base), "--address", address]
    code = ["--allow-code"] if allow_code else []
    return Command([*program, *options, *code], folder / f"{trial.name}.log")


class _Watch:
    """Shows how far the running trials are. It is called with the names of those that run now."""

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
    """The stage that a run is in, by its event log, and its newest training step, which is 0 before the first.

    Only the last TAIL_BYTES of the log are read.
    """
    stage = ""
    if not events.exists():
        return stage, 0
    with events.open("rb") as file:
        file.seek(max(0, events.stat().st_size - TAIL_BYTES))
        lines = file.read().splitlines()
    for line in reversed(lines):
        event = parse_line(line, EVENT)
        if event is None:
            continue
        if event["event"] == "run_started":  # earlier lines are of an earlier attempt
            break
        stage = stage or event.get("stage", "")
        step = event.get("step")
        if isinstance(step, int):
            return stage, step
    return stage, 0


def trial_facts(trial: Trial, view: Path, said: Sequence[str], code: int) -> dict[str, Any]:
    """The result of a trial for programs: `trial`, `values`, `state`, and losses and scores or the `error`.

    `code` is the exit code of the trial's process, and `said` the lines that it printed. Raises ValueError when a manifest of a
    finished trial is damaged.
    """
    facts: dict[str, Any] = {"trial": trial.name, "values": dict(trial.values)}
    if code != 0:  # the view may still show an earlier attempt
        errors = [line for line in said if line.startswith("gristmill: ")] or said
        return {**facts, "state": "failed", "error": errors[-1] if errors else f"ended with {code}"}
    facts["state"] = "finished"
    found = manifests(view)
    for stage, names in SHOWN.items():
        if stage in found:
            facts |= {name: found[stage]["counts"][name] for name in names}
    return facts


def best(results: Sequence[Mapping[str, Any]], shared: Sequence[str]) -> str | None:
    """The name of the best trial; None where no score compares, because it is of other texts or of other tokens.

    `shared` names the stages that all trials share. A score counts only when all finished trials have it.
    """
    finished = [result for result in results if result["state"] == "finished"]
    swept = list(results[0]["values"])
    comparable = [
        name
        for name, stage in BEST_BY.items()
        if stage in shared and not any(overlap(field, chosen) for field in swept for chosen in CHOOSE[name])
    ]
    for name in comparable:
        scores = {str(result["trial"]): result.get(name) for result in finished}
        if finished and None not in scores.values():
            return min(scores, key=lambda trial: float(scores[trial] or 0))
    return None


def overlap(field: str, other: str) -> bool:
    """Whether two dotted names are equal, or one is a section that the other is in."""
    return f"{field}.".startswith(f"{other}.") or f"{other}.".startswith(f"{field}.")


def plan_sweep(recipe: Recipe, base: Path, workdir: Path, verify: bool) -> dict[str, Any]:
    """The plan of a sweep, for programs: the stages that all trials share, and for each trial its other stages and costs.

    Raises ValueError for the user's mistakes, as `make_trials` and `make_plan` do.
    """
    trials = [replace(trial, recipe=_with_origin(trial, base, workdir)) for trial in make_trials(recipe)]
    plans = [plan_trial(trial, base, workdir, verify) for trial in trials]
    shared, store = shared_stages(plans), Store(workdir / "store")
    return {
        "run": recipe.name,
        "shared": [entry for entry in plan_facts(plans[0]) if name_in(entry) in shared],
        "trials": [
            {
                "trial": trial.name,
                "values": dict(trial.values),
                "stages": [entry for entry in plan_facts(plan) if name_in(entry) not in shared],
                "cost": estimate(trial.recipe, base, plan, store).get("pretrain", {}),
            }
            for trial, plan in zip(trials, plans, strict=True)
        ],
    }
