"""The view of a run: links that follow the plan, and a status read from the event log whatever state it is in."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestration.identity import Identity
from orchestration.liveness import this_process
from orchestration.store import Artifact, Store
from pipeline.recipe.reading import check_recipe
from pipeline.recipe.recipe import Recipe
from pipeline.runs.plan import Action, Step
from pipeline.runs.view import (
    ORDER,
    link,
    manifests,
    open_view,
    plan_facts,
    read_plan,
    record_artifact,
    run_status,
    runs_folder,
)
from pipeline.stages.line import STAGES
from tests.artifacts import finish


def run_with(tmp_path: Path, *events: dict[str, Any], tail: str = "") -> dict[str, Any]:
    """The status of a run of collect and clean whose log holds these events, a second apart."""
    view = tmp_path / "runs" / "r"
    view.mkdir(parents=True, exist_ok=True)
    (view / "plan.json").write_text(
        json.dumps([{"stage": "collect", "fingerprint": "a"}, {"stage": "clean", "fingerprint": "b"}])
    )
    lines = [json.dumps({"time": 100 + n, **event}) for n, event in enumerate(events)]
    (view / "events.jsonl").write_text("".join(line + "\n" for line in lines) + tail)
    return run_status(view)


STARTED = {"event": "run_started", **this_process()}
COLLECT_BEGINS = {"event": "stage_started", "stage": "collect"}
COLLECT_DONE = {"event": "stage_finished", "stage": "collect", "seconds": 2.5}
CLEAN_BEGINS = {"event": "stage_started", "stage": "clean"}


def states(status: dict[str, Any]) -> list[str]:
    return [status["state"], *(stage["state"] for stage in status["stages"].values())]


def test_a_run_at_work(tmp_path: Path) -> None:
    shard = {"event": "shard_done", "stage": "clean"}
    status = run_with(tmp_path, STARTED, COLLECT_BEGINS, COLLECT_DONE, CLEAN_BEGINS, shard, shard)
    assert states(status) == ["running", "finished", "running"]
    assert status["run"] == "r"
    assert status["since"] == 100
    assert status["stages"]["collect"]["seconds"] == 2.5
    assert status["stages"]["clean"] == {"state": "running", "since": 103, "shards_done": 2}


def test_finished_failed_and_stopped_runs(tmp_path: Path) -> None:
    reused = {"event": "stage_reused", "stage": "collect"}
    done = {"event": "stage_finished", "stage": "clean", "seconds": 1}
    assert states(run_with(tmp_path, STARTED, reused, CLEAN_BEGINS, done, {"event": "run_finished"})) == [
        "finished", "reused", "finished"
    ]  # fmt: skip
    failed = run_with(
        tmp_path, STARTED, COLLECT_BEGINS, COLLECT_DONE, CLEAN_BEGINS,
        {"event": "stage_failed", "stage": "clean", "error": "no"}, {"event": "run_failed", "error": "clean: no"},
    )  # fmt: skip
    assert states(failed) == ["failed", "finished", "failed"]
    assert failed["error"] == "clean: no"
    assert failed["until"] == 105
    stopped = {"event": "stage_stopped", "stage": "clean"}
    assert states(
        run_with(tmp_path, STARTED, COLLECT_BEGINS, COLLECT_DONE, CLEAN_BEGINS, stopped, {"event": "run_stopped"})
    ) == ["stopped", "finished", "stopped"]


def test_a_new_attempt_begins_anew(tmp_path: Path) -> None:
    failed = {"event": "run_failed", "error": "clean: no"}
    status = run_with(tmp_path, STARTED, COLLECT_BEGINS, COLLECT_DONE, CLEAN_BEGINS, failed, STARTED)
    assert states(status) == ["running", "waiting", "waiting"]
    assert "error" not in status
    assert "until" not in status


def test_a_run_whose_process_is_gone_was_interrupted(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    assert not psutil.pid_exists(gone.pid)
    status = run_with(tmp_path, {**STARTED, "pid": gone.pid}, COLLECT_BEGINS, COLLECT_DONE, CLEAN_BEGINS)
    assert states(status) == ["interrupted", "finished", "interrupted"]
    elsewhere = run_with(tmp_path, {**STARTED, "pid": gone.pid, "namespace": "another"}, COLLECT_BEGINS)
    assert states(elsewhere) == ["running", "running", "waiting"], "of another host or container nothing is known"


def test_a_dead_process_that_nobody_collected_was_interrupted_too(tmp_path: Path) -> None:
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    try:
        while psutil.Process(zombie.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.02)
        assert states(run_with(tmp_path, {**STARTED, "pid": zombie.pid}))[0] == "interrupted"
    finally:
        zombie.wait()


@pytest.mark.parametrize(
    "tail", ['{"time": 103, "event": "run_fini', "\x00\x00\x00", "17", '{"time": 1}', '{"event": "shard_']
)
def test_a_torn_last_line_is_passed_over(tmp_path: Path, tail: str) -> None:
    assert states(run_with(tmp_path, STARTED, COLLECT_BEGINS, COLLECT_DONE, tail=tail)) == [
        "running", "finished", "waiting"
    ]  # fmt: skip


def test_a_run_without_a_log_and_events_that_are_not_known(tmp_path: Path) -> None:
    assert states(run_with(tmp_path)) == ["unknown", "waiting", "waiting"]
    status = run_with(
        tmp_path, STARTED, {"event": "something_new", "stage": "clean"}, {"event": "shard_done", "stage": "no"}
    )
    assert states(status) == ["running", "waiting", "waiting"]


def test_steps_of_the_training(tmp_path: Path) -> None:
    status = run_with(tmp_path, STARTED, CLEAN_BEGINS, {"event": "training_reached", "stage": "clean", "step": 7})
    assert status["stages"]["clean"]["step"] == 7


def finished(store: Store, stage: str, name: str) -> Artifact:
    return finish(store, Identity(stage, 1, {"name": name}, {}), {}, {"made": name})


def step(stage: str, name: str, artifact: Artifact | None = None) -> Step:
    value = next(each for each in STAGES if each.name == stage)
    identity = Identity(stage, 1, {"name": name}, {})
    action: Action = "reuse" if artifact else "build"
    return Step(value, RECIPE, f"key of {name}", (), {}, {}, 0, action, "because", artifact, identity)


RECIPE: Recipe = check_recipe({"name": "r", "collect": {"sources": [{"name": "s", "path": "x"}]}}, "test")


def test_links_lead_to_artifacts_and_move_with_the_workdir(tmp_path: Path) -> None:
    store, view = Store(tmp_path / "work" / "store"), runs_folder(tmp_path / "work") / "r"
    store.open()
    first, second = finished(store, "collect", "first"), finished(store, "collect", "second")
    open_view(view, RECIPE, tmp_path, [step("collect", "second"), step("clean", "third")])
    link(view, store, first)
    assert (view / "collect").resolve() == first.path
    link(view, store, second)
    assert (view / "collect").resolve() == second.path
    assert sorted(path.name for path in view.iterdir()) == ["collect", "plan.json", "recipe.yaml"]
    (tmp_path / "work").rename(tmp_path / "moved")
    assert manifests(runs_folder(tmp_path / "moved") / "r")["collect"]["counts"] == {"made": "second"}


def test_a_link_stays_until_its_successor_is_whole_and_is_not_taken_for_it(tmp_path: Path) -> None:
    store, view = Store(tmp_path / "store"), tmp_path / "runs" / "r"
    store.open()
    open_view(view, RECIPE, tmp_path, [step(stage, "first") for stage in ("collect", "clean", "export")])
    made = {stage: finished(store, stage, "first") for stage in ("collect", "clean", "export")}
    for artifact in made.values():
        link(view, store, artifact)
    open_view(view, RECIPE, tmp_path, [step("collect", "first"), step("clean", "second")])
    assert list(manifests(view)) == ["collect"]
    assert {stage: (view / stage).resolve() for stage in made} == {s: artifact.path for s, artifact in made.items()}
    second = finished(store, "clean", "second")
    record_artifact(view, "clean", second.name)
    link(view, store, second)
    assert {stage: manifest["counts"]["made"] for stage, manifest in manifests(view).items()} == {
        "collect": "first", "clean": "second"
    }  # fmt: skip


def test_a_plan_of_format_1_is_read(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(
        '[{"stage": "collect", "fingerprint": "a", "inputs": []}, {"stage": "gone"}, 7]'
    )
    assert read_plan(tmp_path) == {
        "base": None, "stages": [{"stage": "collect", "fingerprint": "a", "artifact": "a", "inputs": []}]
    }  # fmt: skip


@pytest.mark.parametrize("text", ["{}", "7", '{"stages": 7}', "[", ""])
def test_a_damaged_plan_is_one_line_that_names_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(ValueError, match=r"plan\.json: (not a plan|not readable)") as error:
        read_plan(tmp_path)
    assert "\n" not in str(error.value)


def test_the_plan_for_programs(tmp_path: Path) -> None:
    artifact, clean = Artifact(tmp_path / "1"), step("clean", "second")
    assert clean.identity
    assert plan_facts([step("collect", "first", artifact), clean]) == [
        {
            "stage": "collect", "action": "reuse", "reason": "because", "key": "key of first", "artifact": "1",
            "inputs": [],
        },
        {
            "stage": "clean", "action": "build", "reason": "because", "key": "key of second",
            "artifact": clean.identity.name, "inputs": [],
        },
    ]  # fmt: skip
    assert ORDER == (
        "collect",
        "annotate",
        "clean",
        "dedup",
        "vocab",
        "tokenize",
        "pretrain",
        "evaluate",
        "finetune",
        "export",
    )
