"""The readable view of a run, `runs/<name>/`: recipe, links to artifacts by stage, event log, metrics, report."""

import os
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestration.events import read_lines
from orchestration.files import read_json, write_json, write_text
from orchestration.liveness import is_alive, is_of_an_earlier_boot
from orchestration.store import Artifact, Store
from pipeline.recipe.reading import to_yaml
from pipeline.recipe.recipe import Recipe
from pipeline.runs.plan import Step
from pipeline.stages.line import STAGES

ORDER = tuple(stage.name for stage in STAGES)
PLAN_FORMAT = 2
_plan_lock = threading.Lock()  # the stages of a run are threads, and several may come to know their artifact at once


def runs_folder(workdir: Path) -> Path:
    """Where the views of all runs lie."""
    return workdir / "runs"


def open_view(view: Path, recipe: Recipe, base: Path, steps: Sequence[Step]) -> None:
    """Write the resolved recipe, its folder and the plan. Links stay: each moves once what it is to lead to is whole."""
    view.mkdir(parents=True, exist_ok=True)
    write_text(view / "recipe.yaml", to_yaml(recipe))
    write_json(view / "plan.json", {"format": PLAN_FORMAT, "base": readable(base), "stages": plan_facts(steps)})


def read_plan(view: Path) -> dict[str, Any]:
    """The plan of a run: `base` (the recipe's folder, None where it is not on record) and `stages`.

    Of each stage: `stage`, `inputs`, `key`, and `artifact`, the name in the store, None until it is known. Raises ValueError
    when the record is damaged.
    """
    path = view / "plan.json"
    plan = read_json(path)
    if isinstance(plan, list):  # format 1, in which an artifact had its name before its inputs were whole
        plan = {"base": None, "stages": [{**entry, "artifact": entry.get("fingerprint")} for entry in _objects(plan)]}
    if not isinstance(plan, dict) or not isinstance(plan.get("stages"), list):
        raise ValueError(f"{path}: not a plan; run the recipe again to write it anew")
    stages = [entry for entry in _objects(plan["stages"]) if entry.get("stage") in ORDER]
    return {**plan, "base": plan.get("base"), "stages": stages}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)]


def record_artifact(view: Path, stage: str, name: str) -> None:
    """Write to the plan of a run which artifact a stage is to give, before anything of it is built."""
    with _plan_lock:
        plan = read_json(view / "plan.json")
        for entry in plan["stages"]:
            if entry["stage"] == stage:
                entry["artifact"] = name
        write_json(view / "plan.json", plan)


def readable(path: Path) -> str:
    """A path as it can be written into JSON."""
    return os.fsencode(path).decode(errors="backslashreplace")


def link(view: Path, store: Store, artifact: Artifact) -> None:
    """Let `<view>/<stage>` lead to an artifact, by a relative path, so that the workdir can be moved."""
    stage = artifact.stage
    temporary = view / f".{stage}.{uuid.uuid4().hex}"
    temporary.symlink_to(os.path.relpath(store.root / stage / artifact.name, view))
    temporary.replace(view / stage)


def plan_facts(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The plan for programs."""
    return [
        {
            "stage": step.stage.name,
            "action": step.action,
            "reason": step.reason,
            "key": step.key,
            "artifact": _name(step),
            "inputs": list(step.inputs),
            **({"origin": origin} if (origin := getattr(step.config, "init_from", None)) else {}),
        }
        for step in steps
    ]


def _name(step: Step) -> str | None:
    """The name of the artifact in the store, which may be one of an earlier format."""
    if step.artifact and step.action == "reuse":
        return step.artifact.name
    return step.identity.name if step.identity else None


def artifacts(view: Path) -> dict[str, Artifact]:
    """What the links of a run lead to, of the stages of its recipe, in their order.

    A link may still lead to what an earlier recipe of the run made: that is not among them.
    """
    found = {}
    for entry in read_plan(view)["stages"]:
        place = view / entry["stage"]
        if (place / "manifest.json").is_file() and place.resolve().name == entry["artifact"]:
            found[entry["stage"]] = Artifact(place.resolve())
    return {stage: found[stage] for stage in ORDER if stage in found}


def manifests(view: Path) -> dict[str, dict[str, Any]]:
    """Manifests of what `artifacts` gives; raises ValueError for one that is damaged."""
    return {stage: artifact.manifest for stage, artifact in artifacts(view).items()}


def run_status(view: Path) -> dict[str, Any]:
    """Where a run stands: state of the whole and of each stage, from its plan and event log."""
    planned = [entry["stage"] for entry in read_plan(view)["stages"]]
    states: dict[str, dict[str, Any]] = {stage: {"state": "waiting"} for stage in planned}
    whole: dict[str, Any] = {"run": view.name, "state": "unknown"}
    process: Mapping[str, Any] = {}
    for event in read_lines(view / "events.jsonl"):
        if event.get("event") == "run_started":
            process = event
        _apply(event, whole, states)
    if whole["state"] == "running" and (is_alive(process) is False or is_of_an_earlier_boot(process)):
        whole["state"] = "interrupted"
        for state in states.values():
            if state["state"] == "running":
                state["state"] = "interrupted"
    return {**whole, "stages": {stage: states[stage] for stage in planned}}


def _apply(event: Mapping[str, Any], whole: dict[str, Any], states: dict[str, dict[str, Any]]) -> None:
    name, state = event.get("event"), states.get(event.get("stage", ""))
    if name == "run_started":
        whole |= {"state": "running", "since": event["time"], "pid": event.get("pid"), "host": event.get("host")}
        for fact in ("error", "until"):
            whole.pop(fact, None)
        for each in states.values():
            each.clear()
            each["state"] = "waiting"
    elif name in ("run_finished", "run_failed", "run_stopped"):
        whole |= {"state": name.removeprefix("run_"), "until": event["time"]}
        if "error" in event:
            whole["error"] = event["error"]
    elif state is None:
        return
    elif name in ("stage_started", "stage_finished", "stage_failed", "stage_reused", "stage_stopped"):
        state["state"] = {"stage_started": "running"}.get(name, name.removeprefix("stage_"))
        state["since"] = event["time"]
        if "seconds" in event:
            state["seconds"] = event["seconds"]
    elif name == "shard_done":
        state["shards_done"] = state.get("shards_done", 0) + 1
    elif name in ("training_reached", "checkpoint", "resumed"):
        state["step"] = event["step"]
