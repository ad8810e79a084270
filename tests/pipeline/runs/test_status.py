"""Where a run stands, read from its plan and event log whatever state they are in."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestration.liveness import this_process
from pipeline.runs.status import run_status


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
