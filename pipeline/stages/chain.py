"""The artifacts that a release comes from, all the way back, and of which of them the files were compared with their checksums."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestration.store import Artifact

VERIFIED = "every file compared with its checksum"
PRUNED = "not verified: it is no longer in the store"
NOT_READ = "not verified: the run has another artifact of the same stage, which was"


def account_of_chain(inputs: Mapping[str, Path]) -> dict[str, str]:
    """`stage/name` of each artifact of the chain, to what is known of its files.

    `inputs` are the artifacts of the run by stage: they have been compared. What they were made of may be other artifacts
    with equal content, of an earlier run, and may have been pruned since.
    """
    account: dict[str, str] = {}
    waiting = [Artifact(path) for path in inputs.values()]
    compared = {artifact.path for artifact in waiting}
    while waiting:
        artifact = waiting.pop()
        if artifact.path in compared:
            account[_key(artifact)] = VERIFIED
        elif not artifact.path.is_dir():
            account[_key(artifact)] = PRUNED
            continue
        else:
            account[_key(artifact)] = NOT_READ
        made_of = (
            Artifact(artifact.path.parents[1] / stage / name) for stage, name in _inputs(artifact.manifest).items()
        )
        waiting += [other for other in made_of if _key(other) not in account]
    return dict(sorted(account.items()))


def _inputs(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Stages to the names of the artifacts that an artifact was made of."""
    if manifest["format"] == 1:
        return {stage: name for stage, name in manifest["inputs"].items() if not stage.startswith("file ")}
    return dict(manifest["artifacts"])


def _key(artifact: Artifact) -> str:
    return f"{artifact.stage}/{artifact.name}"
