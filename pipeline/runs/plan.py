"""The plan: for every stage of a recipe, whether it is reused or built, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from orchestration.identity import Identity, library_versions
from orchestration.store import Artifact, Store
from pipeline.recipe.fields import named_fields, output_fields
from pipeline.recipe.recipe import Recipe
from pipeline.runs.artifacts import Choice, choose, content_of, possible, refuse_damage
from pipeline.runs.reasons import reason_to_build
from pipeline.stages.line import STAGES
from pipeline.stages.source_hashes import SourceHashes
from pipeline.stages.stage import Stage

Action = Literal["reuse", "compare", "depends", "build"]


@dataclass(frozen=True)
class Step:
    """A stage in the plan of a run: with its config, its inputs, and whether its artifact is reused or built."""

    stage: Stage
    config: BaseModel
    key: str
    """The recipe key: a fingerprint in which the inputs stand by their own recipe keys, so that it is known when planning."""
    inputs: tuple[str, ...]
    """The names of those input stages that this recipe has."""
    sources: Mapping[str, str]
    """Each `file LABEL` with the hash of what the stage reads there, outside the store."""
    libraries: Mapping[str, str]
    again: int
    """How often `--rebuild` has asked for the artifact once more."""
    action: Action
    reason: str
    artifact: Artifact | None = None
    """The artifact to reuse, or to compare first; None when it has to be built."""
    identity: Identity | None = field(default=None, repr=False)
    """The identity of the artifact; None as long as an input is not whole."""

    def identify(self, contents: Mapping[str, str]) -> Identity:
        """The artifact's identity, given the content of each input."""
        return _identity(self.stage, self.config, {**contents, **self.sources}, self.again)


def make_plan(
    recipe: Recipe, base: Path, store: Store, view: Path, verify: bool = False, rebuild: Sequence[str] = ()
) -> list[Step]:
    """Plan a run: a step for every stage of the recipe, in the order of the line.

    `base` is the folder of the recipe, and `view` that of the run, whose links say what each stage was made of last time. With
    `verify`, sources are hashed again and the files of artifacts are compared with their checksums. Stages in `rebuild` are
    built once more. Raises ValueError for a source file that is not there and for an artifact that is damaged.
    """
    hashes = SourceHashes(store.root / "sources.json", verify)
    steps: dict[str, Step] = {}
    try:
        for stage in STAGES:
            config = getattr(recipe, stage.name)
            if config is None:
                continue
            step = _plan_stage(stage, config, steps, base, store, view, hashes, stage.name in rebuild)
            if step.artifact:
                refuse_damage(step.artifact, verify)
            steps[stage.name] = step
    finally:
        hashes.save()  # also after an error, so that the sources are not hashed a second time
    return list(steps.values())


def _plan_stage(
    stage: Stage,
    config: BaseModel,
    steps: Mapping[str, Step],
    base: Path,
    store: Store,
    view: Path,
    hashes: SourceHashes,
    rebuild: bool,
) -> Step:
    inputs = tuple(name for name in stage.inputs if name in steps)
    sources = hash_sources(stage, config, base, hashes)
    libraries = library_versions(stage.libraries)
    key = _identity(stage, config, {**{name: steps[name].key for name in inputs}, **sources}).name
    again = _times_again(store, stage, key, rebuild)
    step = Step(stage, config, key, inputs, sources, libraries, again, "build", "")
    last = _last_artifact(view, stage)
    pending = [name for name in inputs if steps[name].action != "reuse"]
    if not pending:
        contents = {name: content_of(artifact) for name in inputs if (artifact := steps[name].artifact)}
        choice = choose(store, stage, step.identify(contents), libraries)
        if choice.artifact is None:
            return _with(step, "build", reason_to_build(store, stage, choice.identity, last), None, choice.identity)
        return _taken(step, choice, choice.artifact)
    known = {name: content_of(artifact) for name in inputs if (artifact := steps[name].artifact)}
    identity = step.identify({**dict.fromkeys(inputs, ""), **known})
    if possible(store, stage, identity, pending):
        shown = " or ".join(pending) if len(pending) <= 3 else "one of its inputs"
        return _with(step, "depends", f"built only if {shown} comes out otherwise")
    return _with(step, "build", reason_to_build(store, stage, identity, last, pending))


def _taken(step: Step, choice: Choice, artifact: Artifact) -> Step:
    note = choice.note or "nothing that it depends on has changed"
    return _with(step, "compare" if choice.compare else "reuse", note, artifact, choice.identity)


def _with(
    step: Step, action: Action, reason: str, artifact: Artifact | None = None, identity: Identity | None = None
) -> Step:
    """A copy of the step with what was decided about it."""
    return replace(step, action=action, reason=reason, artifact=artifact, identity=identity)


def _identity(stage: Stage, config: BaseModel, inputs: Mapping[str, str], again: int = 0) -> Identity:
    fields = named_fields(type(config), output_fields(config))
    return Identity(stage.name, stage.version, inputs, fields, {"again": again} if again else {})


def hash_sources(stage: Stage, config: BaseModel, base: Path, hashes: SourceHashes) -> dict[str, str]:
    """Each `file LABEL` with the hash of what a stage reads there, outside the store; raises ValueError when it is missing."""
    return {f"file {label}": hashes.of(source) for label, source in stage.sources(config, base).items()}


def _times_again(store: Store, stage: Stage, key: str, rebuild: bool) -> int:
    """How often the artifact was asked for once more; this number tells it from those that were built of the same recipe."""
    record = store.record(stage.name, key)
    again = record.get("again", 0)
    again = again if isinstance(again, int) else 0
    if rebuild and (not again or store.find(stage.name, str(record.get("artifact")))):
        return again + 1
    return again


def _last_artifact(view: Path, stage: Stage) -> Artifact | None:
    """The artifact that the run's link for a stage leads to; None when there is none."""
    return Artifact((view / stage.name).resolve()) if (view / stage.name / "manifest.json").is_file() else None


def check_rebuild(recipe: Recipe, rebuild: Sequence[str]) -> None:
    """Raise ValueError for a stage of `--rebuild` that the recipe does not have."""
    known = [stage.name for stage in STAGES if getattr(recipe, stage.name) is not None]
    for name in rebuild:
        if name not in known:
            raise ValueError(f"--rebuild {name}: this recipe has no such stage; it has {', '.join(known)}")


def changed_sources(step: Step, base: Path, store: Store) -> list[str]:
    """The labels of those sources of a step that have changed since it was planned.

    Raises ValueError when one is not there any more.
    """
    hashes = SourceHashes(store.root / "sources.json", verify=False)
    now = hash_sources(step.stage, step.config, base, hashes)
    names = sorted(now.keys() | step.sources.keys())
    return [name.removeprefix("file ") for name in names if now.get(name) != step.sources.get(name)]
