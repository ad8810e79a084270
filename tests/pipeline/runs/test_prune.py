"""Prune: frees what no run refers to, and nothing else."""

import io
import json
import shutil
from pathlib import Path

import pytest
import typer
from rich.console import Console

from orchestration.identity import Identity
from orchestration.lease import hold
from orchestration.store import FORMAT, Store
from pipeline.runs.prune import prune_store
from tests.artifacts import finish


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    """Three artifacts, of which the run `r` refers to one; two broken-off attempts, of which it refers to one."""
    store = Store(tmp_path / "store")
    store.open()
    for name in ("used", "unused", "also-unused"):
        artifact = finish(store, Identity("clean", 1, {"name": name}, {}), {"data": "x" * 1000})
        artifact.path.rename(artifact.path.with_name(name))
    for name in ("wanted", "given-up"):
        store.building("dedup", name).mkdir(parents=True)
        (store.building("dedup", name) / "half").write_text("x")
    (tmp_path / "runs" / "r").mkdir(parents=True)
    plan = [{"stage": "clean", "fingerprint": "used"}, {"stage": "dedup", "fingerprint": "wanted"}]
    (tmp_path / "runs" / "r" / "plan.json").write_text(json.dumps(plan))
    return tmp_path


def prune(workdir: Path, yes: bool = True) -> str:
    output = io.StringIO()
    prune_store(workdir, yes, Console(file=output, width=200))
    return output.getvalue()


def folders(workdir: Path) -> list[str]:
    return sorted(
        path.relative_to(workdir / "store").as_posix()
        for path in (workdir / "store").glob("*/*")
        if path.name != ".locks" and path.parent.name != ".records"
    )


def test_what_no_run_refers_to_goes_and_the_rest_stays(workdir: Path) -> None:
    said = prune(workdir)
    assert folders(workdir) == ["clean/used", "dedup/wanted.building"]
    assert "clean/unused" in said
    assert "dedup/given-up" in said
    assert "Nothing to free" in prune(workdir)


def test_what_a_run_began_with_stays(workdir: Path) -> None:
    """Of this workdir by its place in the store; what lies elsewhere is not ours to delete."""
    origins = [
        workdir.resolve() / "store" / "clean" / "unused" / "checkpoints" / "step-00000009",
        Path("/elsewhere/hf"),
    ]
    plan = [{"stage": "pretrain", "fingerprint": str(n), "origin": str(path)} for n, path in enumerate(origins)]
    (workdir / "runs" / "begun").mkdir()
    (workdir / "runs" / "begun" / "plan.json").write_text(json.dumps(plan))
    prune(workdir)
    assert folders(workdir) == ["clean/unused", "clean/used", "dedup/wanted.building"]


def test_the_last_whole_artifact_of_a_run_stays_until_its_successor_is_whole(workdir: Path) -> None:
    """The plan names another one already, that has yet to be built: the link still leads to what was made."""
    store, view = Store(workdir / "store"), workdir / "runs" / "r"
    (view / "clean").symlink_to(Path("../../store/clean/unused"))
    plan = {"format": 2, "base": "/", "stages": [{"stage": "clean", "key": "k", "artifact": None}]}
    (view / "plan.json").write_text(json.dumps(plan))
    prune(workdir)
    assert folders(workdir) == ["clean/unused"]
    (view / "clean").unlink()
    store.write_record("clean", "k", {"artifact": "unused"})
    prune(workdir)
    assert folders(workdir) == ["clean/unused"], "the plan's recipe key leads to it"


def test_a_trained_network_is_named_with_what_is_in_it(workdir: Path) -> None:
    finish(Store(workdir / "store"), Identity("pretrain", 1, {}, {}), {}, {"steps": 1200, "tokens": 3_000_000})
    assert "a trained network: 1,200 steps, 3,000,000 tokens, 0.00 hours" in prune(workdir)


def test_without_a_yes_nothing_goes(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    before = folders(workdir)
    with pytest.raises(typer.Exit):
        prune(workdir, yes=False)
    assert folders(workdir) == before


def test_what_is_being_built_is_left_alone(workdir: Path) -> None:
    store = Store(workdir / "store")
    with hold(store.building("dedup", "given-up"), lambda _: None, lambda: False):
        prune(workdir)
        assert "dedup/given-up.building" in folders(workdir)


def test_a_run_that_was_deleted_refers_to_nothing(workdir: Path) -> None:
    shutil.rmtree(workdir / "runs" / "r")
    prune(workdir)
    assert folders(workdir) == []


def test_a_prune_that_was_killed_is_finished_by_the_next(workdir: Path) -> None:
    folder = workdir / "store" / "clean" / "unused"
    folder.rename(folder.with_name(".unused.deleted"))
    (folder.with_name(".unused.deleted") / "manifest.json").unlink()
    prune(workdir)
    assert folders(workdir) == ["clean/used", "dedup/wanted.building"]


def test_what_was_made_again_since_a_prune_was_killed_goes_with_its_rest(workdir: Path) -> None:
    rest = workdir / "store" / "clean" / ".unused.deleted"
    shutil.copytree(workdir / "store" / "clean" / "unused", rest)
    prune(workdir)
    assert folders(workdir) == ["clean/used", "dedup/wanted.building"]


def test_half_deleted_folders_are_no_artifacts(workdir: Path) -> None:
    folder = workdir / "store" / "clean" / "used"
    folder.rename(folder.with_name(".used.deleted"))
    assert [artifact.path.name for artifact in Store(workdir / "store").artifacts()] == ["also-unused", "unused"]


def test_a_store_of_a_newer_version_is_not_touched(workdir: Path) -> None:
    (workdir / "store" / "format.json").write_text(json.dumps({"format": FORMAT + 1}))
    before = folders(workdir)
    with pytest.raises(ValueError, match="store format"):
        prune(workdir)
    assert folders(workdir) == before


def test_an_empty_workdir(tmp_path: Path) -> None:
    assert "Nothing to free" in prune(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_plan_that_cannot_be_read_stops_before_anything_goes(workdir: Path) -> None:
    (workdir / "runs" / "r" / "plan.json").write_text("[")
    before = folders(workdir)
    with pytest.raises(ValueError, match=r"plan\.json: torn or damaged"):
        prune(workdir)
    assert folders(workdir) == before
