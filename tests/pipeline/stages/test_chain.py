"""The chain behind a release: what is there to be compared, and what was pruned."""

import shutil
from pathlib import Path

from orchestration.identity import Identity
from orchestration.store import Artifact, Provenance, Store
from pipeline.stages.chain import PRUNED, VERIFIED, account_of_chain, chain_of
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
    inputs = [new, clean, tokens, network]
    there = [*inputs, older_clean]
    shutil.rmtree(old.path)
    account = dict.fromkeys((f"{artifact.stage}/{artifact.name}" for artifact in there), VERIFIED)
    assert account_of_chain(inputs) == {**account, f"collect/{old.name}": PRUNED}
    assert {artifact.path for artifact in chain_of(inputs)} == {artifact.path for artifact in [*there, old]}
    shutil.rmtree(older_clean.path)
    assert account_of_chain(inputs)[f"clean/{older_clean.name}"] == PRUNED
