"""What a kill, another run or damage at a bad moment leaves: nothing of it is lost, and nothing of it is believed."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from orchestration.files import read_json, write_json
from orchestration.identity import Identity
from orchestration.lease import Stopped, hold
from orchestration.store import CONTENT, IDENTITY, Artifact, Provenance, Store, identity_facts
from pipeline.recipe.reading import check_recipe
from pipeline.runs.artifacts import choose, content_of, write_verdict
from pipeline.runs.attempts import continue_attempt
from pipeline.runs.plan import make_plan
from pipeline.runs.prune import _unused
from pipeline.runs.upgrade import upgrade_store
from pipeline.runs.view import open_view, read_plan
from pipeline.stages.line import STAGES
from tests.artifacts import finish
from tests.pipeline.runs.test_plan import RECIPE, Work

STAGE = {stage.name: stage for stage in STAGES}


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path)


def opened(root: Path) -> Store:
    store = Store(root)
    store.open()
    return store


def of_format_1(artifact: Artifact) -> Artifact:
    """The artifact as an older release left it."""
    path = artifact.path / "manifest.json"
    left_out = ("checksum", "content", "key", "extra", "artifacts")
    manifest = {name: value for name, value in read_json(path).items() if name not in left_out}
    write_json(path, {**manifest, "format": 1})
    return Artifact(artifact.path)


def test_what_was_begun_stays_while_the_plan_does_not_know_its_name(work: Work) -> None:
    """A change upstream leaves the name of what follows open: what the run had begun of it is still the run's."""
    work.build()
    step = work.plan(vocab={"size": 600})["vocab"]
    assert step.identity
    open_view(
        work.view,
        check_recipe({**RECIPE, "vocab": {"size": 600}}, "t"),
        work.base,
        list(work.plan(vocab={"size": 600}).values()),
    )
    begun = work.store.building("vocab", step.identity.name)
    begun.mkdir(parents=True)
    (work.base / "text" / "a.txt").write_text("changed")
    steps = list(work.plan(vocab={"size": 600}).values())
    open_view(work.view, check_recipe({**RECIPE, "vocab": {"size": 600}}, "t"), work.base, steps)
    planned = {entry["stage"]: entry for entry in read_plan(work.view)["stages"]}
    assert planned["vocab"]["artifact"] is None and planned["vocab"].get("before") == step.identity.name
    assert begun not in _unused(work.base, work.store)


def test_a_network_that_was_killed_while_its_files_were_hashed_is_found_again(tmp_path: Path) -> None:
    store = opened(tmp_path / "store")
    identity = Identity("pretrain", 1, {"tokenize": "t"}, {"steps": 3})
    provenance = Provenance("k", identity.config, {}, {})
    with pytest.raises(KeyError), store.claim(identity, provenance, print, lambda: False) as building:
        assert building
        building.finish({"documents_in": 1}, "", {}, 0)  # which ends before the folder has its name
    of_today = Identity("pretrain", STAGE["pretrain"].version, {"tokenize": "t"}, {"steps": 3})
    continue_attempt(store, STAGE["pretrain"], of_today, print, lambda: False)
    assert store.building("pretrain", of_today.name).is_dir()


def test_what_another_version_of_a_library_began_is_begun_anew(tmp_path: Path) -> None:
    store = opened(tmp_path / "store")
    identity = Identity("clean", 1, {}, {})
    folder = store.building("clean", identity.name)
    for versions, kept in (({"numpy": "1"}, False), ({"numpy": "2"}, True)):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "shard").write_text("x")
        write_json(folder / IDENTITY, {**identity_facts(identity), "versions": versions})
        provenance = Provenance("", {}, {"numpy": "2"}, {})
        with store.claim(
            identity, provenance, print, lambda: False, lambda begun: begun.get("versions") == {"numpy": "2"}
        ) as building:
            assert building
            assert (folder / "shard").exists() is kept


def test_the_content_of_damaged_files_is_not_remembered(tmp_path: Path) -> None:
    store = opened(tmp_path / "store")
    artifact = of_format_1(finish(store, Identity("vocab", 1, {}, {}), {"tokenizer/tokenizer.json": '{"a": 1}'}))
    (artifact.path / "tokenizer" / "tokenizer.json").write_text('{"a": 2}')
    with pytest.raises(ValueError, match=r"tokenizer\.json has another checksum.*--repair"):
        content_of(Artifact(artifact.path))
    assert not (artifact.path / CONTENT).exists()
    (artifact.path / "tokenizer" / "tokenizer.json").write_text('{"a": 1}')
    assert content_of(Artifact(artifact.path))


def test_a_manifest_of_format_1_is_sealed_once_the_store_was_opened_and_none_can_claim_to_be_one(
    tmp_path: Path,
) -> None:
    store = opened(tmp_path / "store")
    artifact = of_format_1(finish(store, Identity("vocab", 1, {}, {}), {"tokenizer/tokenizer.json": "{}"}, {"size": 5}))
    write_json(store.root / "format.json", {"format": 1})
    upgrade_store(store, tmp_path / "runs")
    path = artifact.path / "manifest.json"
    path.write_text(path.read_text().replace('"size": 5', '"size": 6'))
    with pytest.raises(ValueError, match="changed since the store was brought to format 2"):
        print(Artifact(artifact.path).manifest)
    newer = finish(store, Identity("clean", 1, {}, {}))
    path = newer.path / "manifest.json"
    path.write_text(path.read_text().replace('"format": 2', '"format": 1'))
    with pytest.raises(ValueError, match="its own checksum differs"):
        print(Artifact(newer.path).manifest)


@pytest.mark.parametrize("number", ["1e999", "NaN", "-Infinity"])
def test_a_number_that_is_none_is_one_line(tmp_path: Path, number: str) -> None:
    artifact = finish(opened(tmp_path / "store"), Identity("clean", 1, {}, {}), {}, {"size": 5})
    path = artifact.path / "manifest.json"
    path.write_text(path.read_text().replace('"size": 5', f'"size": {number}'))
    with pytest.raises(ValueError, match=r"manifest\.json: changed since it was written.*--repair"):
        print(Artifact(artifact.path).manifest)


def test_a_torn_manifest_of_another_recipe_stops_nobody(work: Work, capsys: pytest.CaptureFixture[str]) -> None:
    work.build()
    other = finish(work.store, Identity("clean", 1, {"of": "another"}, {}))
    (other.path / "manifest.json").write_text("{")
    (work.base / "text" / "a.txt").write_text("changed")
    assert work.plan(vocab={"size": 600})["clean"].action == "depends"
    assert "it is passed over" in capsys.readouterr().err


def test_a_torn_record_of_the_stores_format_does_not_hide_what_was_begun(tmp_path: Path) -> None:
    store = opened(tmp_path / "store")
    artifact = of_format_1(finish(store, Identity("vocab", 1, {}, {}), {"tokenizer/tokenizer.json": "{}"}))
    (store.root / "format.json").write_text("{")
    upgrade_store(store, tmp_path / "runs")
    assert Artifact(artifact.path).found_out()["content"]


def test_what_was_built_with_todays_libraries_outlives_what_it_was_compared_with(work: Work) -> None:
    work.build()
    step, today = work.plan()["clean"], dict.fromkeys(STAGE["clean"].libraries, "99.1")
    assert step.identity and step.artifact
    write_verdict(step.artifact, today, ["shard 00000"])
    new = finish(work.store, choose(work.store, STAGE["clean"], step.identity, today).identity)
    step.artifact.path.rename(work.base / "pruned")
    assert choose(work.store, STAGE["clean"], step.identity, today).artifact == new


def test_an_adopted_artifact_is_taken_as_it_is(tmp_path: Path) -> None:
    store = opened(tmp_path / "store")
    identity = Identity("clean", 1, {}, {})
    artifact = finish(store, identity)
    manifest: dict[str, Any] = json.loads((artifact.path / "manifest.json").read_text())
    manifest = {
        name: value for name, value in manifest.items() if name not in ("checksum", "content", "key", "artifacts")
    }
    write_json(artifact.path / "manifest.json", {**manifest, "format": 1, "adopted": {"from": "x", "differs": []}})
    assert choose(store, STAGE["clean"], identity, {"numpy": "9"}).note == "adopted from x"


def test_source_hashes_are_kept_although_the_plan_ends_in_a_mistake(work: Work) -> None:
    (work.base / "tasks.jsonl").unlink()
    with pytest.raises(ValueError, match="there is no such file"):
        make_plan(check_recipe(RECIPE, "t"), work.base, work.store, work.view)
    assert (work.store.root / "sources.json").is_file()


def test_a_wait_for_an_attempt_can_be_stopped(tmp_path: Path) -> None:
    store, heard = opened(tmp_path / "store"), []
    of_then = Identity("pretrain", 1, {"tokenize": "t"}, {})
    of_now = Identity("pretrain", STAGE["pretrain"].version, {"tokenize": "t"}, {})
    folder = store.building("pretrain", of_then.name)
    folder.mkdir(parents=True)
    write_json(folder / IDENTITY, {**identity_facts(of_then), "versions": {}})
    stop = threading.Event()
    with hold(folder, print, lambda: False), pytest.raises(Stopped):
        stop.set()
        continue_attempt(store, STAGE["pretrain"], of_now, heard.append, stop.is_set)
    assert len(heard) == 1, "it is said for whom"
