"""Finding the artifact of the store that a step needs, by what it was made of and whichever release made it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel

from orchestration.build_record import read_build
from orchestration.files import read_sealed, write_sealed
from orchestration.identity import Identity, digest
from orchestration.side_records import say_once
from orchestration.store import CONTENT, REMEDY, VERDICTS, Artifact, Store
from pipeline.recipe.fields import models_in, named_fields
from pipeline.recipe.recipe import Recipe
from pipeline.stages.line import STAGES
from pipeline.stages.stage import Stage


@dataclass(frozen=True)
class Choice:
    """The identity that a step's artifact is to have, and the artifact of the store to reuse for it, if there is one."""

    identity: Identity
    artifact: Artifact | None
    note: str = ""  # why the artifact is reused although something differs
    compare: bool = False  # It was made with other versions of libraries, and has yet to be compared with today's.


def choose(store: Store, stage: Stage, identity: Identity, libraries: Mapping[str, str]) -> Choice:
    """Choose the artifact to reuse for `identity`; `libraries` has the versions that are installed.

    An artifact that other versions of the libraries made is reused after a comparison, where the stage can make one of its
    shards again, and is reused as it is where the stage cannot. A network is reused also when an older version of the stage
    trained it. Raises ValueError for an artifact of the identity's name that is damaged.
    """
    artifact, note = find_artifact(store, stage, identity), ""
    if artifact is None and stage.trains and not identity.extra:
        artifact = _of_another_version(store, stage, identity)
        if artifact:
            made = artifact.manifest["version"]
            note = (
                f"trained by version {made} of the stage, now {stage.version}; `--rebuild {stage.name}` trains it again"
            )
    of_today = replace(identity, extra={**identity.extra, "libraries": dict(libraries)})
    if artifact is None:
        # Today's versions may have built an artifact of their own, and the one that it differs from may be pruned by now.
        other = find_artifact(store, stage, of_today) if stage.map_work else None
        return Choice(of_today, other) if other else Choice(identity, None)
    if "adopted" in artifact.manifest:
        return Choice(identity, artifact, f"adopted from {artifact.manifest['adopted']['from']}")
    changed = changed_libraries(artifact.manifest["versions"], libraries)
    if not changed or note:
        return Choice(identity, artifact, note)
    versions = ", ".join(changed)
    if stage.map_work is None:
        return Choice(
            identity, artifact, f"made with other versions ({versions}); `--rebuild {stage.name}` makes it again"
        )
    different = different_before(artifact, libraries)
    if different is None:
        return Choice(identity, artifact, f"{versions}: will be compared", compare=True)
    if not different:
        return Choice(identity, artifact, f"{versions}: compared, nothing comes out otherwise")
    return Choice(of_today, find_artifact(store, stage, of_today))


def find_artifact(store: Store, stage: Stage, identity: Identity) -> Artifact | None:
    """The artifact with this identity, None when there is none. One of format 1 is found too, although it has another name.

    Raises ValueError when the artifact of that name has lost its manifest.
    """
    exact = store.find(stage.name, identity.name)
    if exact:
        return exact
    older = (artifact for artifact in readable_artifacts(store, stage.name) if artifact.manifest["format"] == 1)
    return next((artifact for artifact in older if identity_of(store, artifact, stage) == identity), None)


def readable_artifacts(store: Store, stage: str) -> Iterator[Artifact]:
    """Yield the artifacts of a stage. One with a damaged manifest, which may belong to another recipe, is passed over.

    A line on the error stream names it.
    """
    for artifact in store.artifacts(stage):
        try:
            artifact.manifest  # noqa: B018 - reading it checks it
        except ValueError as error:
            say_once(f"{error}; it is passed over")
            continue
        yield artifact


def _of_another_version(store: Store, stage: Stage, identity: Identity) -> Artifact | None:
    """The newest artifact that differs from `identity` only in the stage's version; None when there is none."""
    wanted = _but_for_the_version(identity)
    found = [
        artifact
        for artifact in readable_artifacts(store, stage.name)
        if (other := identity_of(store, artifact, stage)) and _but_for_the_version(other) == wanted
    ]
    return max(found, key=_built_at, default=None)


def _built_at(artifact: Artifact) -> float:
    """When the building of an artifact began, in Unix seconds; 0 where it is not on record."""
    build = read_build(artifact.path)
    return build["started"] if build else 0.0


def _but_for_the_version(identity: Identity) -> Identity:
    return replace(identity, version=0, extra={})


def possible(store: Store, stage: Stage, identity: Identity, pending: Iterable[str]) -> bool:
    """Whether an artifact of the store may turn out to have this identity once the inputs in `pending` are whole.

    That is so when all the rest of its identity is equal.
    """
    waiting = set(pending)

    def known(one: Identity) -> Identity:
        inputs = {name: value for name, value in one.inputs.items() if name not in waiting}
        extra = {name: value for name, value in one.extra.items() if name != "libraries"}
        one = replace(one, inputs=inputs, extra=extra)
        return _but_for_the_version(one) if stage.trains and not identity.extra else one

    wanted = known(identity)
    others = (identity_of(store, artifact, stage) for artifact in readable_artifacts(store, stage.name))
    return any(known(other) == wanted for other in others if other)


def identity_of(store: Store, artifact: Artifact, stage: Stage) -> Identity | None:
    """The identity of an artifact. It is None for an artifact of format 1 when an input, whose content it needs, is gone.

    Raises ValueError when a manifest is damaged.
    """
    manifest = artifact.manifest
    config = named_fields(section_of(stage.name), manifest["config"])
    if manifest["format"] != 1:
        return Identity(stage.name, manifest["version"], manifest["inputs"], config, manifest["extra"])
    inputs = artifact.found_out().get("inputs") or _contents_of_inputs(store, manifest["inputs"])
    if inputs is None:
        return None
    _remember_of_format_1(artifact, {"inputs": inputs})
    return Identity(stage.name, manifest["version"], inputs, config)


def _contents_of_inputs(store: Store, inputs: Mapping[str, str]) -> dict[str, str] | None:
    """The content of each input that a manifest of format 1 has by its name; None where one of them is gone."""
    contents: dict[str, str] = {}
    for name, value in inputs.items():
        if name.startswith("file "):
            contents[name] = value
            continue
        artifact = store.find(name, value) or store.find(name, str(store.record(name, value).get("artifact")))
        if artifact is None:
            return None
        contents[name] = content_of(artifact)
    return contents


def content_of(artifact: Artifact) -> str:
    """The content of an artifact. For one of format 1 it is computed from its files, and remembered.

    Raises ValueError when the manifest, or a file that is needed, is damaged.
    """
    manifest = artifact.manifest
    if "content" in manifest:
        return str(manifest["content"])
    content = artifact.found_out().get("content")
    if content is None:
        refuse_damage(artifact, checksums=True)
        content = next(stage for stage in STAGES if stage.name == artifact.stage).content(artifact.path)
        _remember_of_format_1(artifact, {"content": content})
    return str(content)


def _remember_of_format_1(artifact: Artifact, facts: Mapping[str, Any]) -> None:
    known = artifact.found_out()
    now = {**known, **facts, "manifest": digest(artifact.manifest)}
    if known != now:
        write_sealed(artifact.path / CONTENT, now)


def refuse_damage(artifact: Artifact, checksums: bool) -> None:
    """Raise ValueError that names the first damaged file of an artifact.

    A file is damaged when it is missing or has another size and, with `checksums`, when it has another checksum.
    """
    faults = artifact.damage(checksums)
    if faults:
        more = f", and {len(faults) - 1} more" if len(faults) > 1 else ""
        raise ValueError(f"{artifact.path}: {faults[0]}{more}; {REMEDY}")


def changed_libraries(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """A text `name old -> new` for each library whose version differs. A build for another machine (`+cpu`) does not count."""
    before = {name: version.partition("+")[0] for name, version in old.items()}
    return [f"{name} {before.get(name, '-')} -> {new[name]}" for name in new if before.get(name) != new[name]]


def different_before(artifact: Artifact, libraries: Mapping[str, str]) -> list[str] | None:
    """What these versions of the libraries make otherwise than is in the artifact; None when that was not tried yet.

    It lists names of goldens and a shard, as `comparison.judge` gives them.
    """
    try:
        found = read_sealed(artifact.path / VERDICTS).get(digest(libraries))
    except (OSError, ValueError):
        return None
    return list(found["different"]) if isinstance(found, dict) and isinstance(found.get("different"), list) else None


def write_verdict(artifact: Artifact, libraries: Mapping[str, str], different: list[str]) -> None:
    """Write down in an artifact's folder what these versions of the libraries make `different`, which may be nothing."""
    path = artifact.path / VERDICTS
    try:
        known = read_sealed(path)
    except (OSError, ValueError):
        known = {}
    facts = {"versions": dict(libraries), "different": different}
    write_sealed(path, {**known, digest(libraries): facts})


def section_of(stage: str) -> type[BaseModel]:
    """The config model of the section that a stage has in the recipe."""
    model: type[BaseModel] = models_in(Recipe.model_fields[stage].annotation)[0]
    return model
