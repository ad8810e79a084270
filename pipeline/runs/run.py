"""Running a recipe: planning it, building on the cluster what is not there yet, and keeping the view of the run."""

import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from orchestration.events import EventLog
from orchestration.graph import Node, run_graph
from orchestration.identity import Identity
from orchestration.lease import Stopped
from orchestration.liveness import this_process
from orchestration.progress import Display, duration
from orchestration.stopping import StopFlag, stop_on_signals
from orchestration.store import Artifact, CountsDoNotAddUp, Provenance, Store
from orchestration.tracking import MetricsFile, Tracker, Trackers, WeightsAndBiases, wandb_mode
from pipeline.failures import RunStopped, StageFailed
from pipeline.recipe.fields import output_fields
from pipeline.recipe.recipe import Recipe
from pipeline.releases.origin import with_origin
from pipeline.runs.alarms import stage_alarms
from pipeline.runs.artifacts import Choice, changed_libraries, choose, content_of, refuse_damage
from pipeline.runs.attempts import continue_attempt
from pipeline.runs.checksums import verify_artifacts
from pipeline.runs.comparison import judge
from pipeline.runs.cost import checkpoint_bytes, days_of_training
from pipeline.runs.foresight import check_cluster, check_text, notes
from pipeline.runs.machine import this_machine
from pipeline.runs.plan import Step, changed_sources, check_rebuild, make_plan
from pipeline.runs.upgrade import upgrade_store
from pipeline.runs.view import link, open_view, record_artifact, runs_folder
from pipeline.runs.workdir import check_room
from pipeline.stages.chain import chain_of
from pipeline.stages.stage import Context, Stage


def run_recipe(
    recipe: Recipe,
    base: Path,
    workdir: Path,
    console: Console,
    address: str | None = None,
    until: str | None = None,
    verify: bool = False,
    rebuild: Sequence[str] = (),
) -> Path:
    """Run a recipe to its end, or to the stage `until`; gives the folder of the run's view.

    `base` is the folder that relative paths of the recipe start from, `address` the Ray cluster to join (None: start a local
    one). With `verify`, sources are hashed again and artifacts compared with their checksums. Stages in `rebuild` are built once
    more although their artifacts are there. Raises ValueError (among them ClusterUnusable) for the user's mistakes, StageFailed
    when a stage fails, RunStopped when a signal asked for it.
    """
    workdir, base = workdir.resolve(), base.resolve()
    store, view = Store(workdir / "store"), runs_folder(workdir) / recipe.name
    recipe = with_origin(recipe, base, view)
    check_room(workdir)
    upgrade_store(store, runs_folder(workdir))
    check_rebuild(recipe, rebuild)
    plan = make_plan(recipe, base, store, view, verify, rebuild)
    for step in plan:
        if step.name in rebuild:  # It is on record before the building, so that a kill does not lose it.
            store.write_record(step.stage.name, step.key, {"again": step.again})
    steps = _up_to(plan, until)
    check_text(recipe, base, steps)
    check_room(workdir, checkpoint_bytes(recipe, base, steps))
    open_view(view, recipe, base, plan)  # the whole plan, since stages that --until leaves out belong to the run too
    events = EventLog(view / "events.jsonl")
    events.write("run_started", **this_process())
    with Display(console) as display, stop_on_signals(display.say) as should_stop:
        try:
            days = "" if address else days_of_training(recipe, base, steps, this_machine())
            if days and recipe.strict:
                raise ValueError(f"{days} (the recipe says `strict: true`)")
            for note in [*notes(recipe, base, steps), *([f"ALARM: {days}"] if days else [])]:
                display.say(note)
            with _tracking(recipe, workdir, view, steps) as trackers:
                _build(
                    steps,
                    recipe,
                    store,
                    view,
                    _Surroundings(base, address, events, display, trackers, should_stop, verify),
                )
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
    verify: bool


def _build(steps: Sequence[Step], recipe: Recipe, store: Store, view: Path, around: _Surroundings) -> None:
    whole: dict[str, Artifact] = {}
    for step in steps:
        if step.action == "reuse" and step.artifact:
            _record(step, step.artifact.name, store, view)
            _reuse(step.name, step.artifact, store, view, around, "")
            _raise_alarms(recipe, step.name, step.artifact, around)
            whole[step.name] = step.artifact
    missing = [step for step in steps if step.name not in whole]
    if not missing:
        return
    from orchestration.cluster import check_shared_folder, cluster, largest_node, resources

    with cluster(around.address, recipe.resources.cpus):
        check_shared_folder(store.root)
        found = {**resources(), "node_CPU": largest_node()}
        check_cluster(recipe, missing, found)
        names = {step.name for step in missing}
        nodes = [
            Node(
                step.name,
                tuple(name for name in dict.fromkeys(step.givers) if name in names),
                lambda step=step: _settle(step, whole, recipe, store, view, around, found),  # type: ignore[misc]
            )
            for step in missing
        ]
        run_graph(nodes, around.should_stop)
    if around.should_stop():
        raise Stopped


def _settle(
    step: Step,
    whole: dict[str, Artifact],
    recipe: Recipe,
    store: Store,
    view: Path,
    around: _Surroundings,
    cluster: dict[str, float],
) -> None:
    """Find or build the artifact of a step, now that its inputs are whole, and add it to `whole`.

    Raises StageFailed when that fails, Stopped when the run is asked to stop.
    """
    started = time.time()
    inputs = step.by_key(whole)
    context = Context(
        step.name,
        around.base,
        cluster,
        recipe.resources.workers,
        around.events,
        around.display,
        around.trackers,
        around.should_stop,
        {path: checksum for artifact in inputs.values() for path, checksum in artifact.checksums.items()},
    )
    try:
        choice = _choose(step, whole, context, store, around.verify)
        _record(step, choice.artifact.name if choice.artifact else choice.identity.name, store, view)
        if choice.artifact:
            whole[step.name] = choice.artifact
            _reuse(
                step.name, choice.artifact, store, view, around, f": {choice.note or 'its input came out as before'}"
            )
            _raise_alarms(recipe, step.name, choice.artifact, around)
            return
        artifact = _build_stage(step, choice.identity, inputs, context, store, started)
    except Stopped:
        around.events.write("stage_stopped", stage=step.name)
        raise
    except Exception as error:
        around.events.write("stage_failed", stage=step.name, error=str(error))
        raise StageFailed(step.name, error) from error
    whole[step.name] = artifact
    _announce(step.name, artifact, view, store, around, time.time() - started)
    _raise_alarms(recipe, step.name, artifact, around)


def _raise_alarms(recipe: Recipe, name: str, artifact: Artifact, around: _Surroundings) -> None:
    """Say the alarms of a stage; raises StageFailed for the first one where the recipe is strict."""
    for alarm in stage_alarms(recipe, name, artifact.manifest, artifact.path):
        around.events.write("alarm", stage=name, words=alarm.words)
        around.display.say(f"{name:9} ALARM: {alarm.words}{f' (see `{alarm.command}`)' if alarm.command else ''}")
        if recipe.strict:
            raise StageFailed(name, ValueError("the alarm above ends the run, since the recipe says `strict: true`"))


def _choose(step: Step, whole: Mapping[str, Artifact], context: Context, store: Store, verify: bool) -> Choice:
    """Choose the artifact to reuse for a step; one that other versions of libraries made is compared first."""
    identity = step.identify({name: content_of(whole[name]) for name in step.givers})
    choice = choose(store, step.stage, identity, step.libraries)
    if choice.artifact and choice.compare:
        context.display.say(f"{step.name:9} comparing ({choice.note})")
        paths = {name: artifact.path for name, artifact in step.by_key(whole).items()}
        different = judge(context, step.stage, step.config, paths, choice.artifact, step.libraries, store.root)
        if different:
            context.display.say(f"{step.name:9} comes out otherwise ({', '.join(different[:3])}): it is built again")
        choice = choose(store, step.stage, identity, step.libraries)
    if choice.artifact:
        refuse_damage(choice.artifact, verify)
    return choice


def _build_stage(
    step: Step,
    identity: Identity,
    inputs: Mapping[str, Artifact],
    context: Context,
    store: Store,
    started: float,
) -> Artifact:
    stage = step.stage
    # The paths are in the store, not in the view: another run of the same name may move its links while this one works.
    paths = {name: artifact.path for name, artifact in inputs.items()}
    provenance = Provenance(
        step.key,
        output_fields(step.config),
        step.libraries,
        {link.label: f"{inputs[link.key].stage}/{inputs[link.key].name}" for link in step.links},
    )

    def waiting(holder: str) -> None:
        context.display.say(f"{step.name:9} waits: {holder} is building the same artifact")

    def goes_on(begun: Mapping[str, Any]) -> bool:
        """Whether the stage may go on from this building; not if it would mix shards that two versions of a library make."""
        return stage.map_work is None or not changed_libraries(begun.get("versions", {}), step.libraries)

    continue_attempt(store, stage, identity, waiting, context.should_stop)
    trained_meanwhile = choose(store, stage, identity, step.libraries).artifact if stage.trains else None
    if trained_meanwhile:
        return trained_meanwhile
    with store.claim(identity, provenance, waiting, context.should_stop, goes_on) as building:
        if building is None:
            artifact = store.find(stage.name, identity.name)
            assert artifact, "a claim is refused only when the artifact is there"
            return artifact
        context.events.write("stage_started", stage=step.name, artifact=identity.name)
        if stage.reads_at_start:
            _check_sources(step, context.base, store)
        verify_artifacts(context, _to_verify(stage, inputs), building.folder)
        made = stage.run(context, paths, step.config, building.folder)
        if not stage.reads_at_start:
            _check_sources(step, context.base, store, building.folder)
        counts = made.counts.as_json()
        _check_passed_on(step, counts, inputs)
        return building.finish(counts, made.content, stage.layout(step.config), started)


def _to_verify(stage: Stage, inputs: Mapping[str, Artifact]) -> list[Artifact]:
    if stage.verifies_chain:
        return [artifact for artifact in chain_of(inputs.values()) if artifact.path.is_dir()]
    return list(inputs.values()) if stage.verifies else []


def _record(step: Step, name: str, store: Store, view: Path) -> None:
    """Write down the name of the step's artifact, in the plan of the run and, under the recipe key, in the store."""
    record_artifact(view, step.name, name)
    record = {"artifact": name, **({"again": step.again} if step.again else {})}
    known = store.record(step.stage.name, step.key)
    if known != record and known.get("again", 0) <= step.again:  # A --rebuild that was asked for since is kept.
        store.write_record(step.stage.name, step.key, record)


def _check_sources(step: Step, base: Path, store: Store, made: Path | None = None) -> None:
    """Raise ValueError when a source has changed since it was planned.

    The folder `made`, which may then mix the old state with the new, is removed.
    """
    changed = changed_sources(step, base, store)
    if changed:
        if made:
            shutil.rmtree(made)
        raise ValueError(f"{changed[0]} changed while it was being read; run again")


def _check_passed_on(step: Step, counts: Mapping[str, Any], inputs: Mapping[str, Artifact]) -> None:
    """Raise CountsDoNotAddUp unless as many documents came in as the stage before passed on."""
    if "documents_in" in counts and "documents" in inputs:
        before = inputs["documents"]
        given = before.manifest["counts"]["documents_out"]
        if counts["documents_in"] != given:
            raise CountsDoNotAddUp(
                f"{step.name}: {before.stage} passed {given} documents on, {counts['documents_in']} came in"
            )


def _reuse(name: str, artifact: Artifact, store: Store, view: Path, around: _Surroundings, why: str) -> None:
    link(view, name, store, artifact)
    around.events.write("stage_reused", stage=name, artifact=artifact.name)
    around.display.say(f"{name:9} reused{why}")


def _announce(name: str, artifact: Artifact, view: Path, store: Store, around: _Surroundings, seconds: float) -> None:
    counts = artifact.manifest["counts"]
    link(view, name, store, artifact)
    around.events.write("stage_finished", stage=name, artifact=artifact.name, seconds=round(seconds, 3))
    around.trackers.log(name, None, {"seconds": seconds, **counts})
    around.display.say(f"{name:9} built in {duration(seconds)}")


def _up_to(steps: list[Step], until: str | None) -> list[Step]:
    names = [step.name for step in steps]
    if until is None:
        return steps
    if until not in names:
        raise ValueError(f"--until {until}: this recipe has no such stage; it has {', '.join(names)}")
    wanted = {until}
    for step in reversed(steps):
        if step.name in wanted:
            wanted.update(step.givers)
    return [step for step in steps if step.name in wanted]


@contextmanager
def _tracking(recipe: Recipe, workdir: Path, view: Path, steps: Sequence[Step]) -> Iterator[Trackers]:
    trackers: list[Tracker] = [MetricsFile(view / "metrics.jsonl")]
    if recipe.tracking.wandb != "off" and any(step.action != "reuse" for step in steps):
        mode = wandb_mode(recipe.tracking.wandb)
        config = recipe.model_dump(mode="json")
        trackers.append(WeightsAndBiases(workdir / "wandb", recipe.tracking.project, recipe.name, mode, config))
    try:
        yield Trackers(trackers)
    finally:
        for tracker in trackers:
            tracker.close()
