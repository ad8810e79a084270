"""The plan: for every stage of a recipe, whether it is reused or built, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from orchestration.identity import fingerprint, library_versions
from orchestration.store import Artifact, Identity, Store
from pipeline.recipe.recipe import Recipe, output_fields
from pipeline.stages.annotate import STAGE as ANNOTATE
from pipeline.stages.clean import STAGE as CLEAN
from pipeline.stages.collect import STAGE as COLLECT
from pipeline.stages.dedup import STAGE as DEDUP
from pipeline.stages.evaluate import STAGE as EVALUATE
from pipeline.stages.export import STAGE as EXPORT
from pipeline.stages.finetune import STAGE as FINETUNE
from pipeline.stages.pretrain import STAGE as PRETRAIN
from pipeline.stages.source_hashes import SourceHashes
from pipeline.stages.stage import Stage
from pipeline.stages.tokenize import STAGE as TOKENIZE
from pipeline.stages.vocab import STAGE as VOCAB

STAGES = (COLLECT, ANNOTATE, CLEAN, DEDUP, VOCAB, TOKENIZE, PRETRAIN, EVALUATE, FINETUNE, EXPORT)


@dataclass(frozen=True)
class Step:
    """A stage of a run with what it is to be made of."""

    stage: Stage
    config: BaseModel
    identity: Identity
    inputs: tuple[str, ...]  # those of the stage's inputs that this recipe has
    artifact: Artifact | None  # what can be reused
    reason: str

    @property
    def action(self) -> str:
        """`reuse` or `build`."""
        return "reuse" if self.artifact else "build"


def make_plan(recipe: Recipe, base: Path, store: Store, view: Path, verify: bool = False) -> list[Step]:
    """Decide for every stage of the recipe, in order.

    `base` is the folder of the recipe, `view` that of the run (its links say what the stage was made of last time). With `verify`
    sources are hashed again and the files of artifacts compared with their checksums. Raises ValueError for a source file
    that is not there and for an artifact that is damaged.
    """
    hashes = SourceHashes(store.root / "sources.json", verify)
    steps: dict[str, Step] = {}
    for stage in STAGES:
        config = getattr(recipe, stage.name)
        if config is None:
            continue
        inputs = tuple(name for name in stage.inputs if name in steps)
        identity = _identify(stage, config, {name: steps[name].identity.fingerprint for name in inputs}, base, hashes)
        artifact = store.find(stage.name, identity.fingerprint)
        if artifact:
            _refuse_damage(artifact, verify)
        rebuilt = [name for name in inputs if steps[name].artifact is None]
        reason = "nothing that it depends on has changed" if artifact else _reason(identity, store, view, rebuilt)
        steps[stage.name] = Step(stage, config, identity, inputs, artifact, reason)
    hashes.save()
    return list(steps.values())


def _identify(stage: Stage, config: BaseModel, inputs: Mapping[str, str], base: Path, hashes: SourceHashes) -> Identity:
    sources = {f"file {label}": hashes.of(source) for label, source in stage.sources(config, base).items()}
    everything = {**inputs, **sources}
    libraries = library_versions(stage.libraries)
    fields = output_fields(config)
    name = fingerprint(stage.name, stage.version, libraries, fields, everything)
    return Identity(stage.name, name, stage.version, everything, fields, libraries)


def changed_sources(step: Step, base: Path, store: Store) -> list[str]:
    """The stage's source files that are not those any more that its fingerprint was made of."""
    hashes = SourceHashes(store.root / "sources.json", verify=False)
    now = {f"file {label}": hashes.of(source) for label, source in step.stage.sources(step.config, base).items()}
    then = {name: value for name, value in step.identity.inputs.items() if name.startswith("file ")}
    return [name.removeprefix("file ") for name in sorted(now.keys() | then.keys()) if now.get(name) != then.get(name)]


def _refuse_damage(artifact: Artifact, checksums: bool) -> None:
    faults = artifact.damage(checksums)
    if faults:
        raise ValueError(
            f"{artifact.path}: {faults[0]}{f', and {len(faults) - 1} more' if len(faults) > 1 else ''}; "
            "remove this folder and run again to rebuild it"
        )


def _reason(identity: Identity, store: Store, view: Path, rebuilt: Sequence[str]) -> str:
    building = store.building(identity.stage, identity.fingerprint)
    goes_on = "; goes on where an earlier attempt stopped" if building.is_dir() else ""
    last = view / identity.stage
    earlier = [Artifact(last.resolve())] if (last / "manifest.json").is_file() else _of_stage(store, identity.stage)
    if not earlier:
        return "not built yet" + goes_on
    changes = min((_changes(artifact.manifest, identity, rebuilt) for artifact in earlier), key=len)
    return "; ".join(changes[:3]) + (f" and {len(changes) - 3} more" if len(changes) > 3 else "") + goes_on


def _of_stage(store: Store, stage: str) -> list[Artifact]:
    return [artifact for artifact in store.artifacts() if artifact.path.parent.name == stage]


def _changes(old: Mapping[str, Any], new: Identity, rebuilt: Sequence[str]) -> list[str]:
    """What differs between an artifact that is there and the one that is wanted, in words."""
    found = []
    if old["version"] != new.version:
        found.append(f"the stage itself changed (version {old['version']} -> {new.version})")
    found += [
        f"{name} {old['versions'].get(name, '-')} -> {version}"
        for name, version in new.libraries.items()
        if old["versions"].get(name) != version
    ]
    before, after = flatten(old["config"]), flatten(new.config)
    found += [
        f"{new.stage}.{key}: {_short(before.get(key))} -> {_short(after.get(key))}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]
    for name in sorted(old["inputs"].keys() | new.inputs.keys()):
        if old["inputs"].get(name) != new.inputs.get(name):
            found.append(_input_change(name, old["inputs"].get(name), new.inputs.get(name), rebuilt))
    return found or ["its earlier artifact is gone"]


def _input_change(name: str, old: str | None, new: str | None, rebuilt: Sequence[str]) -> str:
    if name in rebuilt:
        return f"{name} is built anew"
    if old is None:
        return f"{name} is new"
    return f"{name} is gone" if new is None else f"{name} has changed"


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings and lists as one mapping from dotted keys to plain values."""
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list):
        items = {str(number): item for number, item in enumerate(value)}.items()
    else:
        return {prefix: value}
    return {
        key: plain
        for name, item in items
        for key, plain in flatten(item, f"{prefix}.{name}" if prefix else str(name)).items()
    }


def _short(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
