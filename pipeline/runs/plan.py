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
    """A stage of a run with what it is to be made of."""

    stage: Stage
    config: BaseModel
    key: str
    """The recipe key: what the artifact is made of as far as the recipe and the sources say."""
    inputs: tuple[str, ...]
    """Those of the stage's inputs that this recipe has."""
    sources: Mapping[str, str]
    """`file LABEL` to the hash of what the stage reads from outside the store."""
    libraries: Mapping[str, str]
    again: int
    """How many times the artifact was asked for once more, with `--rebuild`."""
    action: Action
    reason: str
    artifact: Artifact | None = None
    """What can be reused, or is to be compared first."""
    identity: Identity | None = field(default=None, repr=False)
    """None as long as an input is not whole."""

    def identify(self, contents: Mapping[str, str]) -> Identity:
        """The artifact's identity, given the content of each input."""
        return _identity(self.stage, self.config, {**contents, **self.sources}, self.again)


def make_plan(
    recipe: Recipe, base: Path, store: Store, view: Path, verify: bool = False, rebuild: Sequence[str] = ()
) -> list[Step]:
    """Decide for every stage of the recipe, in order.

    `base` is the folder of the recipe, `view` that of the run (its links say what the stage was made of last time). With
    `verify` sources are hashed again and the files of artifacts compared with their checksums. Stages in `rebuild` are built
    once more. Raises ValueError for a source file that is not there and for an artifact that is damaged.
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
        hashes.save()  # also after a mistake: nobody hashes all sources twice for it
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
    """The step with what was decided about it."""
    return replace(step, action=action, reason=reason, artifact=artifact, identity=identity)


def _identity(stage: Stage, config: BaseModel, inputs: Mapping[str, str], again: int = 0) -> Identity:
    fields = named_fields(type(config), output_fields(config))
    return Identity(stage.name, stage.version, inputs, fields, {"again": again} if again else {})


def hash_sources(stage: Stage, config: BaseModel, base: Path, hashes: SourceHashes) -> dict[str, str]:
    """`file LABEL` to the hash of what a stage reads from outside the store."""
    return {f"file {label}": hashes.of(source) for label, source in stage.sources(config, base).items()}


def _times_again(store: Store, stage: Stage, key: str, rebuild: bool) -> int:
    """The number that sets the wanted artifact apart from those that were built before of the same recipe."""
    record = store.record(stage.name, key)
    again = record.get("again", 0)
    again = again if isinstance(again, int) else 0
    if rebuild and (not again or store.find(stage.name, str(record.get("artifact")))):
        return again + 1
    return again


def _last_artifact(view: Path, stage: Stage) -> Artifact | None:
    """What the run's link leads to."""
    return Artifact((view / stage.name).resolve()) if (view / stage.name / "manifest.json").is_file() else None


def check_rebuild(recipe: Recipe, rebuild: Sequence[str]) -> None:
    """Raise ValueError for a stage of `--rebuild` that the recipe does not have."""
    known = [stage.name for stage in STAGES if getattr(recipe, stage.name) is not None]
    for name in rebuild:
        if name not in known:
            raise ValueError(f"--rebuild {name}: this recipe has no such stage; it has {', '.join(known)}")


def changed_sources(step: Step, base: Path, store: Store) -> list[str]:
    """The stage's source files that are not those any more that its artifact was to be made of."""
    hashes = SourceHashes(store.root / "sources.json", verify=False)
    now = hash_sources(step.stage, step.config, base, hashes)
    names = sorted(now.keys() | step.sources.keys())
    return [name.removeprefix("file ") for name in names if now.get(name) != step.sources.get(name)]
