"""The chain behind a release: what was compared, what the run has another of, and what was pruned."""

import shutil
from pathlib import Path

from orchestration.identity import Identity
from orchestration.store import Artifact, Provenance, Store
from pipeline.stages.chain import NOT_READ, PRUNED, VERIFIED, account_of_chain
from tests.artifacts import finish


def made(store: Store, stage: str, which: str, of: dict[str, Artifact]) -> Artifact:
    artifacts = {name: artifact.name for name, artifact in of.items()}
    return finish(store, Identity(stage, 1, {"which": which}, {}), provenance=Provenance("", {}, {}, artifacts))


def test_every_artifact_of_the_chain_is_accounted_for(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.open()
    old = made(store, "collect", "old", {})
    older_clean = made(store, "clean", "old", {"collect": old})
    tokens = made(store, "tokenize", "one", {"clean": older_clean})
    network = made(store, "pretrain", "one", {"tokenize": tokens})
    new = made(store, "collect", "new", {})
    clean = made(store, "clean", "new", {"collect": new})
    inputs = {"collect": new.path, "clean": clean.path, "tokenize": tokens.path, "pretrain": network.path}
    shutil.rmtree(old.path)
    assert account_of_chain(inputs) == {
        **{f"{path.parent.name}/{path.name}": VERIFIED for path in inputs.values()},
        f"clean/{older_clean.name}": NOT_READ,
        f"collect/{old.name}": PRUNED,
    }
    shutil.rmtree(older_clean.path)
    assert account_of_chain(inputs)[f"clean/{older_clean.name}"] == PRUNED
