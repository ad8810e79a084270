"""How far a run is, read from its plan and event log, which may be torn or damaged."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestration.events import EVENT, Event
from orchestration.liveness import is_alive, is_of_an_earlier_boot
from orchestration.side_records import read_side_lines
from pipeline.runs.view import name_in, plan_or_links


def run_status(view: Path) -> dict[str, Any]:
    """The state of a run and of each of its stages, for programs; times are Unix seconds.

    When the plan is damaged, the stages are those that the run has links to. Nothing is raised for damaged records.
    """
    planned = [name_in(entry) for entry in plan_or_links(view)]
    states: dict[str, dict[str, Any]] = {stage: {"state": "waiting"} for stage in planned}
    whole: dict[str, Any] = {"run": view.name, "state": "unknown"}
    process: Mapping[str, object] = {}
    for event in read_side_lines(view / "events.jsonl", EVENT):
        if event["event"] == "run_started":
            process = event
        _apply(event, whole, states)
    if whole["state"] == "running" and (is_alive(process) is False or is_of_an_earlier_boot(process)):
        whole["state"] = "interrupted"
        for state in states.values():
            if state["state"] == "running":
                state["state"] = "interrupted"
    return {**whole, "stages": {stage: states[stage] for stage in planned}}


def _apply(event: Event, whole: dict[str, Any], states: dict[str, dict[str, Any]]) -> None:
    name, state = event["event"], states.get(event.get("stage", ""))
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
    elif name in ("training_reached", "checkpoint", "resumed") and isinstance(event.get("step"), int):
        state["step"] = event["step"]
