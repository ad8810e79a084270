"""Running a recipe: plan it, build on the cluster what is not there yet, keep the view of the run."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from orchestration.events import EventLog
from orchestration.graph import Node, run_graph
from orchestration.lease import Stopped
from orchestration.liveness import this_process
from orchestration.progress import Display, duration
from orchestration.store import Artifact, CountsDoNotAddUp, Store
from orchestration.tracking import MetricsFile, Tracker, Trackers, WeightsAndBiases, wandb_mode
from pipeline.failures import RunStopped, StageFailed
from pipeline.recipe.recipe import Recipe
from pipeline.releases.origin import with_origin
from pipeline.runs.plan import Step, changed_sources, make_plan
from pipeline.runs.view import link, open_view, runs_folder
from pipeline.stages.stage import Context

FREE_BYTES = 2**30  # a run does not begin with less room than this on the disk of its workdir


@dataclass
class StopFlag:
    """Set by the first SIGINT or SIGTERM; the second one ends the process at once."""

    signal: int = 0

    def __call__(self) -> bool:
        return self.signal != 0


@contextmanager
def stop_on_signals(say: Callable[[str], None]) -> Iterator[StopFlag]:
    """While inside, Ctrl-C and SIGTERM set the flag instead of raising."""
    flag = StopFlag()

    def handle(number: int, _frame: Any) -> None:
        if flag.signal:
            os._exit(128 + number)
        flag.signal = number
        # Not from within the handler: the display may hold its lock right now.
        threading.Thread(target=say, args=("Stopping: saving what can be saved. Once more ends it at once.",)).start()

    earlier = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield flag
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def run_recipe(
    recipe: Recipe,
    base: Path,
    workdir: Path,
    console: Console,
    address: str | None = None,
    until: str | None = None,
    verify: bool = False,
) -> Path:
    """Run a recipe to its end, or to the stage `until`; gives the folder of the run's view.

    Raises ValueError for the user's mistakes, StageFailed when a stage fails, RunStopped when a signal asked for it.
    """
    workdir, base = workdir.resolve(), base.resolve()
    store, view = Store(workdir / "store"), runs_folder(workdir) / recipe.name
    recipe = with_origin(recipe, base, view)
    check_room(workdir)
    store.open()
    plan = make_plan(recipe, base, store, view, verify)
    steps = _up_to(plan, until)
    open_view(view, recipe, plan)  # the whole of it: what --until leaves out is this run's all the same
    events = EventLog(view / "events.jsonl")
    events.write("run_started", **this_process())
    with Display(console) as display, stop_on_signals(display.say) as should_stop:
        try:
            with _tracking(recipe, workdir, view, steps) as trackers:
                _build(steps, recipe, store, view, _Surroundings(base, address, events, display, trackers, should_stop))
        except Stopped as stopped:
            events.write("run_stopped", signal=should_stop.signal)
            raise RunStopped(should_stop.signal) from stopped
        except Exception as error:
            events.write("run_failed", error=str(error))
            raise
    events.write("run_finished")
    return view


@dataclass(frozen=True)
class _Surroundings:
    base: Path
    address: str | None
    events: EventLog
    display: Display
    trackers: Trackers
    should_stop: StopFlag


def _build(steps: Sequence[Step], recipe: Recipe, store: Store, view: Path, around: _Surroundings) -> None:
    for step in steps:
        if step.artifact:
            link(view, store, step.artifact)
            around.events.write("stage_reused", stage=step.stage.name, fingerprint=step.identity.fingerprint)
            around.display.say(f"{step.stage.name:9} reused")
    missing = [step for step in steps if step.artifact is None]
    if not missing:
        return
    from orchestration.cluster import check_shared_folder, cluster, largest_node, resources

    with cluster(around.address, recipe.resources.cpus):
        check_shared_folder(store.root)
        found = {**resources(), "node_CPU": largest_node()}
        names = {step.stage.name for step in missing}
        nodes = [
            Node(
                step.stage.name,
                tuple(name for name in step.inputs if name in names),
                lambda step=step: _build_stage(step, recipe, store, view, around, found),  # type: ignore[misc]
            )
            for step in missing
        ]
        run_graph(nodes, around.should_stop)
    if around.should_stop():
        raise Stopped


def _build_stage(
    step: Step, recipe: Recipe, store: Store, view: Path, around: _Surroundings, cluster: dict[str, float]
) -> None:
    stage, started = step.stage, time.time()
    context = Context(
        stage.name,
        around.base,
        cluster,
        recipe.resources.workers,
        around.events,
        around.display,
        around.trackers,
        around.should_stop,
    )
    # By fingerprint, not through the view: another run of the same name may move its links while this one works.
    inputs = {name: store.folder(name, step.identity.inputs[name]) for name in step.inputs}

    def waiting(holder: str) -> None:
        around.display.say(f"{stage.name:9} waits: {holder} is building the same artifact")

    try:
        with store.claim(step.identity, waiting, around.should_stop) as building:
            if building is None:
                artifact = store.find(stage.name, step.identity.fingerprint)
                assert artifact, "a claim is refused only when the artifact is there"
            else:
                around.events.write("stage_started", stage=stage.name, fingerprint=step.identity.fingerprint)
                if stage.reads_at_start:
                    _check_sources(step, around.base, store)
                counts = stage.run(context, inputs, step.config, building.folder)
                if not stage.reads_at_start:
                    _check_sources(step, around.base, store, building.folder)
                _check_passed_on(step, counts, inputs)
                artifact = building.finish(counts, stage.layout(step.config), started)
    except Stopped:
        around.events.write("stage_stopped", stage=stage.name)
        raise
    except Exception as error:
        around.events.write("stage_failed", stage=stage.name, error=str(error))
        raise StageFailed(stage.name, error) from error
    _announce(artifact, view, store, around, time.time() - started)


def _check_sources(step: Step, base: Path, store: Store, made: Path | None = None) -> None:
    """Refuse sources that are no longer those of the fingerprint, and what was made of them: it may be of both states."""
    changed = changed_sources(step, base, store)
    if changed:
        if made:
            shutil.rmtree(made)
        raise ValueError(f"{changed[0]} changed while it was being read; run again")


def _check_passed_on(step: Step, counts: dict[str, Any], inputs: dict[str, Path]) -> None:
    """The documents that came in are those that the stage before passed on."""
    if "documents_in" in counts and step.inputs:
        given = Artifact(inputs[step.inputs[0]]).manifest["counts"]["documents_out"]
        if counts["documents_in"] != given:
            raise CountsDoNotAddUp(
                f"{step.stage.name}: {step.inputs[0]} passed {given} documents on, {counts['documents_in']} came in"
            )


def _announce(artifact: Artifact, view: Path, store: Store, around: _Surroundings, seconds: float) -> None:
    stage, counts = artifact.path.parent.name, artifact.manifest["counts"]
    link(view, store, artifact)
    around.events.write("stage_finished", stage=stage, fingerprint=artifact.path.name, seconds=round(seconds, 3))
    around.trackers.log(stage, None, {"seconds": seconds, **counts})
    around.display.say(f"{stage:9} built in {duration(seconds)}")


def _up_to(steps: list[Step], until: str | None) -> list[Step]:
    names = [step.stage.name for step in steps]
    if until is None:
        return steps
    if until not in names:
        raise ValueError(f"--until {until}: this recipe has no such stage; it has {', '.join(names)}")
    wanted = {until}
    for step in reversed(steps):
        if step.stage.name in wanted:
            wanted.update(step.inputs)
    return [step for step in steps if step.stage.name in wanted]


@contextmanager
def _tracking(recipe: Recipe, workdir: Path, view: Path, steps: Sequence[Step]) -> Iterator[Trackers]:
    trackers: list[Tracker] = [MetricsFile(view / "metrics.jsonl")]
    if recipe.tracking.wandb != "off" and any(step.artifact is None for step in steps):
        mode = wandb_mode(recipe.tracking.wandb)
        config = recipe.model_dump(mode="json")
        trackers.append(WeightsAndBiases(workdir / "wandb", recipe.tracking.project, recipe.name, mode, config))
    try:
        yield Trackers(trackers)
    finally:
        for tracker in trackers:
            tracker.close()


def check_name(workdir: Path) -> None:
    """Raise ValueError for a path that is not UTF-8: Ray and Weights & Biases could not pass it on."""
    shown = os.fsencode(workdir).decode(errors="backslashreplace")
    if shown != str(workdir):
        raise ValueError(f"--workdir {shown}: the name is not UTF-8; choose another folder")


def check_room(workdir: Path) -> None:
    """Raise ValueError when there is no folder there to work in, or no room in it."""
    check_name(workdir)
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(workdir).free
    except OSError as error:
        raise ValueError(f"--workdir {workdir}: cannot be used ({os.strerror(error.errno or 0)})") from error
    if not os.access(workdir, os.W_OK):
        raise ValueError(f"--workdir {workdir}: not writable; choose another folder")
    if free < FREE_BYTES:
        raise ValueError(
            f"--workdir {workdir}: only {free / 1e9:.1f} GB free on this disk; make room or choose another folder"
        )
