"""The chain of artifacts behind a release: those that it was made of, those that these were made of, and so on."""

from collections.abc import Iterable, Mapping
from typing import Any

from orchestration.store import Artifact

VERIFIED = "every file compared with its checksum"
PRUNED = "not verified: it is no longer in the store"


def chain_of(artifacts: Iterable[Artifact]) -> list[Artifact]:
    """The artifacts, those that they were made of, and so on, in the order of stage and name.

    Pruned ones are among them; of these it is not known what they were made of. An artifact here need not be that of the run,
    which may have another one with equal content. Raises ValueError when a manifest is damaged.
    """
    found: dict[str, Artifact] = {}
    waiting = list(artifacts)
    while waiting:
        artifact = waiting.pop()
        found[f"{artifact.stage}/{artifact.name}"] = artifact
        if artifact.path.is_dir():
            made_of = [Artifact(artifact.path.parents[1] / place) for place in inputs_of(artifact.manifest).values()]
            waiting += [other for other in made_of if f"{other.stage}/{other.name}" not in found]
    return [found[key] for key in sorted(found)]


def account_of_chain(artifacts: Iterable[Artifact]) -> dict[str, str]:
    """Each artifact of a chain, as `stage/name`, with VERIFIED or PRUNED.

    The caller has to have compared the files of all artifacts that are there. Raises ValueError when a manifest is damaged.
    """
    return {
        f"{artifact.stage}/{artifact.name}": VERIFIED if artifact.path.is_dir() else PRUNED
        for artifact in chain_of(artifacts)
    }


def inputs_of(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Each input with the artifact that was read, as `stage/name`, from a manifest of any format.

    In older ones an input is called by its stage, and has the name of the artifact alone.
    """
    given = manifest["inputs"] if manifest["format"] == 1 else manifest["artifacts"]
    return {
        label: place if "/" in place else f"{label}/{place}"
        for label, place in given.items()
        if not label.startswith("file ")
    }
