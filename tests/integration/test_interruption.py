"""A run that is killed or stopped goes on where it was, and its end is the one that it would have had.

The tests share a workdir, so that the second one has the data stages of the first; alone, it starts from nothing.
"""

import contextlib
import re
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

STOPPED = re.compile(r"^gristmill: stopped; the same command goes on from here$", re.MULTILINE)
WORKERS, STEPS, EVERY = 2, 48, 6  # the last two as in the recipe


@pytest.fixture(scope="module")
def workdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("interrupted")


def test_sigkill_in_a_data_stage_loses_only_the_shards_in_flight(
    finished: Any, line: Any, tools: Any, workdir: Path
) -> None:
    command = ("run", "recipe.yaml", "--until", "tokenize", "--workdir", workdir)
    process = line.start(*command)
    tools.wait_until(lambda: shards(tools.read_events(workdir), "shard_done", "clean"), process)
    kill(process, tools)
    killed = tools.read_events(workdir)
    all_shards = tools.SOURCES + 1
    assert 1 <= len(shards(killed, "shard_done", "clean")) < all_shards, "not half-way"
    in_flight = set(shards(killed, "shard_started")) - set(shards(killed, "shard_done"))
    assert len(in_flight) <= WORKERS

    line.succeed(*command)
    events = tools.read_events(workdir)
    starts = Counter(shards(events, "shard_started"))
    assert {shard for shard, times in starts.items() if times > 1} <= in_flight
    assert set(starts.values()) <= {1, 2}
    assert Counter(event["stage"] for event in events if event["event"] == "stage_finished")["collect"] == 1
    assert_same_as(finished, workdir, tools, tools.DATA_STAGES)


@pytest.mark.long
def test_ctrl_c_in_a_data_stage_keeps_what_is_done(finished: Any, line: Any, tools: Any, tmp_path: Path) -> None:
    command = ("run", "recipe.yaml", "--until", "clean", "--workdir", tmp_path)
    process = line.start(*command)
    tools.wait_until(lambda: shards(tools.read_events(tmp_path), "shard_done", "collect"), process)
    said = stop(process, signal.SIGINT, tools)
    assert process.returncode == 130
    assert STOPPED.search(said) and "Traceback" not in said
    done = set(shards(tools.read_events(tmp_path), "shard_done"))
    line.succeed(*command)
    starts = Counter(shards(tools.read_events(tmp_path), "shard_started"))
    assert all(starts[shard] == 1 for shard in done)
    assert_same_as(finished, tmp_path, tools, ("collect", "clean"))


@pytest.mark.long
def test_training_goes_on_after_every_kind_of_interruption_to_the_same_end(
    finished: Any, line: Any, tools: Any, workdir: Path
) -> None:
    training = tools.RECIPE["pretrain"]["training"]
    assert (training["steps"], training["checkpoint_every"]) == (STEPS, EVERY)
    run = Training(line, tools, workdir)

    run.start()
    run.wait_for(lambda events: [step for step in trained(events) if step > EVERY and step % EVERY])
    kill(run.process, tools)
    reached = max(trained(run.events()))

    run.start()
    resumed = run.wait_for(resumed_at)
    assert reached - EVERY <= resumed
    assert resumed % EVERY == 0

    run.wait_for(trained)
    said = stop(run.process, signal.SIGTERM, tools)
    assert run.process.returncode == 143
    assert STOPPED.search(said) and "Traceback" not in said
    events = run.events()
    assert events[-1]["event"] == "run_stopped"
    last = max(trained(events))
    assert last < STEPS, "too fast to be stopped half-way"
    assert [event["step"] for event in events if event["event"] == "checkpoint"][-1] == last
    run.start()
    assert run.wait_for(resumed_at) == last

    run.wait_for(trained)
    ranks = [child for child in tools.descendants(run.process) if is_rank(child)]
    assert len(ranks) == 2
    ranks[0].kill()
    out, err = run.process.communicate(timeout=400)
    assert run.process.returncode == 0, f"{out}\n{err}"
    starts = [event["step"] for event in run.events() if event["event"] == "resumed"]
    assert len(starts) == 2
    assert starts[0] <= starts[1] < STEPS
    assert_same_as(finished, workdir, tools, (*tools.DATA_STAGES, "pretrain"))
    assert {path.name for path in (workdir / "runs" / "small" / "pretrain").iterdir()} == {
        path.name for path in (finished.view / "pretrain").iterdir() if path.name != "verified.json"
    }, "all but what was found out later"


@dataclass
class Training:
    """A run up to pretrain that is started again and again."""

    line: Any
    tools: Any
    workdir: Path
    process: Any = None
    before: int = 0

    def start(self) -> None:
        self.before = len(self.tools.read_events(self.workdir))
        self.process = self.line.start("run", "recipe.yaml", "--until", "pretrain", "--workdir", self.workdir)

    def events(self) -> list[dict[str, Any]]:
        """What has happened since the last start."""
        return self.tools.read_events(self.workdir)[self.before :]

    def wait_for(self, condition: Callable[[list[dict[str, Any]]], Any]) -> Any:
        return self.tools.wait_until(lambda: condition(self.events()), self.process)


def kill(process: Any, tools: Any) -> None:
    """SIGKILL the driver, and wait until all that it had started has noticed."""
    below = tools.descendants(process)
    agents = [child for child in below if any("Agent" in part for part in child.cmdline()[:1])]
    process.kill()
    process.communicate(timeout=60)
    tools.wait_until_gone([child for child in below if child not in agents])
    for agent in agents:  # Ray's agents notice too, but try for minutes to tell the dead driver
        with contextlib.suppress(psutil.NoSuchProcess):
            agent.kill()
    tools.wait_until_gone(agents)


def stop(process: Any, number: int, tools: Any) -> str:
    """Ask the run to stop; gives what it said, once it and what it had started are gone."""
    below = tools.descendants(process)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    tools.wait_until_gone(below)
    return f"{out}\n{err}"


def shards(events: list[dict[str, Any]], event: str, stage: str = "") -> list[tuple[str, str, str]]:
    return [
        (each["stage"], each["step"], each["shard"])
        for each in events
        if each["event"] == event and stage in ("", each["stage"])
    ]


def trained(events: list[dict[str, Any]]) -> list[int]:
    """Steps that training was seen to have reached."""
    return [event["step"] for event in events if event["event"] == "training_reached"]


def resumed_at(events: list[dict[str, Any]]) -> int | None:
    return next((event["step"] for event in events if event["event"] == "resumed"), None)


def is_rank(process: psutil.Process) -> bool:
    title = " ".join(process.cmdline())
    return title.startswith("ray::") and "TrainWorker" in title


def assert_same_as(finished: Any, workdir: Path, tools: Any, stages: tuple[str, ...]) -> None:
    mine, theirs = tools.read_manifests(workdir), tools.read_manifests(finished.workdir)
    for stage in stages:
        assert mine[stage] == theirs[stage], stage
