"""The plan: for every stage of a recipe, whether it is reused or built, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from orchestration.identity import Identity, library_versions
from orchestration.store import Artifact, Store
from pipeline.recipe.fields import named_fields, output_fields
from pipeline.recipe.mistakes import in_section
from pipeline.recipe.recipe import Recipe
from pipeline.runs.artifacts import Choice, choose, content_of, possible, refuse_damage
from pipeline.runs.reasons import reason_to_build
from pipeline.stages.line import Link, Place, arrange
from pipeline.stages.source_hashes import SourceHashes
from pipeline.stages.stage import Stage

Action = Literal["reuse", "compare", "depends", "build"]


@dataclass(frozen=True)
class Step:
    """A stage in the plan of a run: with its config, its inputs, and whether its artifact is reused or built."""

    name: str
    """The name that the run has for it: that of the stage, or of its section where there are several of the stage."""
    stage: Stage
    config: BaseModel
    key: str
    """The recipe key: a fingerprint in which the inputs stand by their own recipe keys, so that it is known when planning."""
    links: tuple[Link, ...]
    """The inputs, and which steps give them."""
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

    @property
    def givers(self) -> tuple[str, ...]:
        """The names of the steps that give its inputs."""
        return tuple(link.giver for link in self.links)

    def identify(self, contents: Mapping[str, str]) -> Identity:
        """The artifact's identity, given the content of each input by the name of the step that gives it."""
        return _identity(self.stage, self.config, {**labelled(self.links, contents), **self.sources}, self.again)

    def by_key(self, artifacts: Mapping[str, Artifact]) -> dict[str, Artifact]:
        """The artifacts of the inputs by the keys that the stage's function knows, from artifacts by the names of steps."""
        return {link.key: artifacts[link.giver] for link in self.links if link.giver in artifacts}


def make_plan(
    recipe: Recipe, base: Path, store: Store, view: Path, verify: bool = False, rebuild: Sequence[str] = ()
) -> list[Step]:
    """Plan a run: a step for every stage of the recipe, in the order of the line.

    `base` is the folder of the recipe, and `view` that of the run, whose links say what each stage was made of last time. With
    `verify`, sources are hashed again and the files of artifacts are compared with their checksums. Stages in `rebuild` are
    built once more. Raises ValueError for a source file that is not there, for an artifact that is damaged, and for a stage that
    has an input which nothing gives.
    """
    hashes = SourceHashes(store.root / "sources.json", verify)
    steps: dict[str, Step] = {}
    try:
        for place in arrange(recipe):
            sources = _hash_sources(recipe, place, base, hashes)
            step = _plan_stage(place, steps, sources, store, view, place.name in rebuild)
            if step.artifact:
                refuse_damage(step.artifact, verify)
            steps[place.name] = step
    finally:
        hashes.save()  # also after an error, so that the sources are not hashed a second time
    return list(steps.values())


def _plan_stage(
    place: Place, steps: Mapping[str, Step], sources: Mapping[str, str], store: Store, view: Path, rebuild: bool
) -> Step:
    stage, config, links = place.stage, place.config, place.links
    libraries = library_versions((*stage.libraries, *stage.extras(config)))
    keys = labelled(links, {name: step.key for name, step in steps.items()})
    key = _identity(stage, config, {**keys, **sources}).name
    again = _times_again(store, stage, key, rebuild)
    step = Step(place.name, stage, config, key, links, sources, libraries, again, "build", "")
    last = _last_artifact(view, place.name)
    givers = {link.label: link.giver for link in links}
    pending = [link.label for link in links if steps[link.giver].action != "reuse"]
    contents = {name: content_of(artifact) for name in step.givers if (artifact := steps[name].artifact)}
    if not pending:
        choice = choose(store, stage, step.identify(contents), libraries)
        if choice.artifact is None:
            reason = reason_to_build(store, stage, choice.identity, last, givers)
            return _with(step, "build", reason, None, choice.identity)
        return _taken(step, choice, choice.artifact)
    identity = step.identify({**dict.fromkeys(step.givers, ""), **contents})
    if possible(store, stage, identity, pending):
        names = [givers[label] for label in pending]
        shown = " or ".join(names) if len(names) <= 3 else "one of its inputs"
        return _with(step, "depends", f"built only if {shown} comes out otherwise")
    return _with(step, "build", reason_to_build(store, stage, identity, last, givers, pending))


def _hash_sources(recipe: Recipe, place: Place, base: Path, hashes: SourceHashes) -> dict[str, str]:
    """As `hash_sources`; what is missing is told with its line in the recipe."""
    try:
        return hash_sources(place.stage, place.config, base, hashes)
    except ValueError as error:
        raise ValueError(in_section(recipe, place.name, str(error))) from error


def labelled(links: Sequence[Link], values: Mapping[str, str]) -> dict[str, str]:
    """Values of inputs by their labels in names of artifacts, from values by the names of the steps that give them."""
    return {link.label: values[link.giver] for link in links if link.giver in values}


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


def _last_artifact(view: Path, name: str) -> Artifact | None:
    """The artifact that the run's link for a step leads to; None when there is none."""
    return Artifact((view / name).resolve()) if (view / name / "manifest.json").is_file() else None


def check_rebuild(recipe: Recipe, rebuild: Sequence[str]) -> None:
    """Raise ValueError for a stage of `--rebuild` that the recipe does not have."""
    known = [place.name for place in arrange(recipe)]
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
