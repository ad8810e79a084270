"""The artifacts that others come from, all the way back: what a release rests on."""

from collections.abc import Iterable, Mapping
from typing import Any

from orchestration.store import Artifact

VERIFIED = "every file compared with its checksum"
PRUNED = "not verified: it is no longer in the store"


def chain_of(artifacts: Iterable[Artifact]) -> list[Artifact]:
    """The artifacts, what they were made of, and so on, by stage and name; those that were pruned are among them.

    A run may have another artifact of a stage than the one that was read: an earlier one with equal content.
    """
    found: dict[str, Artifact] = {}
    waiting = list(artifacts)
    while waiting:
        artifact = waiting.pop()
        found[f"{artifact.stage}/{artifact.name}"] = artifact
        if artifact.path.is_dir():
            inputs = inputs_of(artifact.manifest).items()
            made_of = [Artifact(artifact.path.parents[1] / stage / name) for stage, name in inputs]
            waiting += [other for other in made_of if f"{other.stage}/{other.name}" not in found]
    return [found[key] for key in sorted(found)]


def account_of_chain(artifacts: Iterable[Artifact]) -> dict[str, str]:
    """`stage/name` of each artifact of a chain whose files were compared, as far as they are there, to what is known of it."""
    return {
        f"{artifact.stage}/{artifact.name}": VERIFIED if artifact.path.is_dir() else PRUNED
        for artifact in chain_of(artifacts)
    }


def inputs_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Stages to the names of the artifacts that an artifact was made of."""
    if manifest["format"] == 1:
        return {stage: name for stage, name in manifest["inputs"].items() if not stage.startswith("file ")}
    return dict(manifest["artifacts"])
