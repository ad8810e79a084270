"""The readable view of a run, `runs/<name>/`: recipe, links to artifacts by stage, event log, metrics, report."""

import os
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
from pipeline.runs.plan import STAGES, Step

ORDER = tuple(stage.name for stage in STAGES)


def runs_folder(workdir: Path) -> Path:
    """Where the views of all runs lie."""
    return workdir / "runs"


def open_view(view: Path, recipe: Recipe, steps: Sequence[Step]) -> None:
    """Write the resolved recipe and the plan; take away links to artifacts that this recipe does not lead to."""
    view.mkdir(parents=True, exist_ok=True)
    write_text(view / "recipe.yaml", to_yaml(recipe))
    write_json(view / "plan.json", plan_facts(steps))
    wanted = {step.stage.name: step.identity.fingerprint for step in steps}
    for stage in ORDER:
        link = view / stage
        if link.is_symlink() and link.readlink().name != wanted.get(stage):
            link.unlink()


def link(view: Path, store: Store, artifact: Artifact) -> None:
    """Let `<view>/<stage>` lead to an artifact, by a relative path, so that the workdir can be moved."""
    stage = artifact.path.parent.name
    temporary = view / f".{stage}.{uuid.uuid4().hex}"
    temporary.symlink_to(os.path.relpath(store.root / stage / artifact.path.name, view))
    temporary.replace(view / stage)


def plan_facts(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The plan for programs."""
    return [
        {
            "stage": step.stage.name,
            "action": step.action,
            "reason": step.reason,
            "fingerprint": step.identity.fingerprint,
            "inputs": list(step.inputs),
            **({"origin": origin} if (origin := getattr(step.config, "init_from", None)) else {}),
        }
        for step in steps
    ]


def manifests(view: Path) -> dict[str, dict[str, Any]]:
    """Manifests of the stages that the view leads to, in the order of the stages."""
    return {
        stage: read_json(view / stage / "manifest.json")
        for stage in ORDER
        if (view / stage / "manifest.json").is_file()
    }


def run_status(view: Path) -> dict[str, Any]:
    """Where a run stands: state of the whole and of each stage, from its plan and event log."""
    planned = [entry["stage"] for entry in read_json(view / "plan.json")]
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
