"""The artifact store: whole folders, honest counts, manifests that say the same each time."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from orchestration.files import describe_files, read_json, write_sealed
from orchestration.identity import Identity
from orchestration.lease import LeaseLost
from orchestration.shards import RESULT
from orchestration.store import FORMAT, Artifact, CountsDoNotAddUp, Provenance, Store, check_counts

CONFIG = {"threshold": 0.65, "words": ["a"]}
IDENTITY = Identity("clean", 1, {"collect": "e" * 32}, CONFIG)
PROVENANCE = Provenance("k" * 32, CONFIG, {"ftfy": "6.3.1"}, {"collect": "c" * 32})
COUNTS = {"documents_in": 5, "documents_out": 2, "dropped": {"b": 1, "a": 1}, "quarantined": 1}


def never() -> bool:
    return False


def silent(_: str) -> None:
    pass


def opened(root: Path) -> Store:
    store = Store(root)
    store.open()
    return store


def build(
    store: Store, files: dict[str, str], counts: dict[str, Any] = COUNTS, identity: Identity = IDENTITY
) -> Artifact:
    with store.claim(identity, PROVENANCE, silent, never) as building:
        assert building
        for name, text in files.items():
            (building.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (building.folder / name).write_text(text)
        return building.finish(counts, "3:abc", {"ranks": 2}, time.time())


def test_what_is_finished_is_found_and_described(tmp_path: Path) -> None:
    store = opened(tmp_path / "store")
    assert store.find("clean", IDENTITY.name) is None
    artifact = build(store, {"shards/00000/a.parquet": "12345", "metrics.jsonl": "{}"})
    assert artifact.path == tmp_path / "store" / "clean" / IDENTITY.name
    assert store.find("clean", IDENTITY.name) == artifact
    assert list(store.artifacts()) == [artifact]
    assert list(store.abandoned()) == []
    manifest = dict(artifact.manifest)
    assert [(entry["path"], entry["bytes"]) for entry in manifest.pop("files")] == [("shards/00000/a.parquet", 5)]
    assert manifest == {
        "format": FORMAT, "stage": "clean", "version": 1, "fingerprint": IDENTITY.name, "counts": COUNTS,
        "inputs": {"collect": "e" * 32}, "config": CONFIG, "versions": {"ftfy": "6.3.1"}, "key": "k" * 32,
        "artifacts": {"collect": "c" * 32}, "extra": {}, "content": "3:abc",
    }  # fmt: skip
    assert read_json(artifact.path / "build.json")["layout"] == {"ranks": 2}
    assert artifact.damage(checksums=True) == []


def test_the_manifest_is_the_same_wherever_and_whenever_it_is_made(tmp_path: Path) -> None:
    first = build(opened(tmp_path / "one"), {"b": "2", "a": "1", "metrics.jsonl": "fast"})
    time.sleep(0.01)
    other = Identity("clean", 1, {"collect": "e" * 32}, dict(reversed(CONFIG.items())))
    counts = dict(reversed(COUNTS.items())) | {"dropped": {"a": 1, "b": 1}}
    second = build(opened(tmp_path / "two"), {"a": "1", "b": "2", "metrics.jsonl": "slow"}, counts, other)
    assert (first.path / "manifest.json").read_bytes() == (second.path / "manifest.json").read_bytes()
    assert (first.path / "build.json").read_bytes() != (second.path / "build.json").read_bytes()


@pytest.mark.parametrize(
    "change", [{"documents_in": 6}, {"documents_out": 3}, {"dropped": {"a": 1}}, {"quarantined": 0}]
)
def test_counts_that_do_not_add_up_fail_the_build(tmp_path: Path, change: dict[str, Any]) -> None:
    store = opened(tmp_path / "store")
    with pytest.raises(CountsDoNotAddUp, match=r"clean: \d documents came in.*unaccounted for"):
        build(store, {"a": "1"}, {**COUNTS, **change})
    assert store.find("clean", IDENTITY.name) is None
    assert build(store, {}).path.is_dir(), "a next attempt goes on"


def test_counts_name_how_many_are_missing() -> None:
    check_counts("clean", COUNTS)
    with pytest.raises(CountsDoNotAddUp, match="2 went out, 2 were dropped and 1 quarantined: 1 are unaccounted for"):
        check_counts("clean", {**COUNTS, "documents_in": 6})
    check_counts("dedup", {**COUNTS, "documents_in": 2, "documents_added": 3})


def test_what_a_broken_off_attempt_left_is_gone_on_from(tmp_path: Path) -> None:
    store = opened(tmp_path / "store")
    with pytest.raises(RuntimeError), store.claim(IDENTITY, PROVENANCE, silent, never) as building:
        assert building
        (building.folder / "half").write_text("1")
        raise RuntimeError("out of luck")
    assert list(store.artifacts()) == []
    assert list(store.abandoned()) == [store.building("clean", IDENTITY.name)]
    with store.claim(IDENTITY, PROVENANCE, silent, never) as building:
        assert building
        assert (building.folder / "half").read_text() == "1"
        assert list(store.abandoned()) == [], "somebody works on it"
        artifact = building.finish({}, "", {}, time.time())
    assert (artifact.path / "half").is_file()
    assert list(store.abandoned()) == []


def test_a_writer_killed_in_the_middle_of_a_file_leaves_no_trace_in_the_artifact(tmp_path: Path) -> None:
    store = opened(tmp_path / "store")
    whole = build(opened(tmp_path / "other"), {"a": "1"})
    artifact = build(store, {"a": "1", ".manifest.json.0123456789abcdef": '{"half'})
    assert (artifact.path / "manifest.json").read_bytes() == (whole.path / "manifest.json").read_bytes()


def test_a_finished_artifact_is_not_built_again(tmp_path: Path) -> None:
    store = opened(tmp_path / "store")
    build(store, {"a": "1"})
    with store.claim(IDENTITY, PROVENANCE, silent, never) as building:
        assert building is None
    assert [path.name for path in (tmp_path / "store" / "clean").iterdir() if path.suffix] == [], "no .building is left"


def test_a_builder_that_lost_its_lease_does_not_finish(tmp_path: Path) -> None:
    store = opened(tmp_path / "store")
    with store.claim(IDENTITY, PROVENANCE, silent, never) as building:
        assert building
        lease = building.folder.parent / ".locks" / f"{building.folder.name}.lease"
        lease.write_text('{"token": "theirs", "host": "elsewhere", "pid": 1, "started": 1}')
        with pytest.raises(LeaseLost):
            building.finish(COUNTS, "", {}, time.time())
    assert store.find("clean", IDENTITY.name) is None


def test_damage_is_found(tmp_path: Path) -> None:
    store = opened(tmp_path / "store")
    artifact = build(store, {"gone": "1", "cut": "12345", "altered": "123", "fine": "1"})
    (artifact.path / "gone").unlink()
    (artifact.path / "cut").write_text("123")
    (artifact.path / "altered").write_text("124")
    assert artifact.damage() == ["cut has 3 bytes instead of 5", "gone is missing"]
    assert artifact.damage(checksums=True) == [
        "altered has another checksum than when it was made", "cut has 3 bytes instead of 5", "gone is missing"
    ]  # fmt: skip


def test_a_damaged_manifest_is_one_line_that_names_it(tmp_path: Path) -> None:
    artifact = build(opened(tmp_path / "store"), {"a": "1"})
    (artifact.path / "manifest.json").write_text('{"files": [')
    with pytest.raises(ValueError, match=r"manifest\.json: not readable as JSON") as error:
        artifact.damage()
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"documents_out": 2', '"documents_out": 3'),
        ('"bytes": 1', '"bytes": 2'),
        ('"3:abc"', '"3:abd"'),
        ("0.65", "0.66"),
    ],
)
def test_an_edited_manifest_is_one_line_with_the_remedy(tmp_path: Path, old: str, new: str) -> None:
    artifact = build(opened(tmp_path / "store"), {"a": "1"})
    path = artifact.path / "manifest.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(
        ValueError, match=r"manifest\.json: changed since it was written.*gristmill verify --repair"
    ) as error:
        print(Artifact(artifact.path).manifest)
    assert "\n" not in str(error.value)


def test_what_tasks_have_hashed_is_not_read_again(tmp_path: Path) -> None:
    """The checksum in the manifest is the one of the moment of writing, whatever became of the file since."""
    store = opened(tmp_path / "store")
    with store.claim(IDENTITY, PROVENANCE, silent, never) as building:
        assert building
        shard = building.folder / "shards" / "00000"
        shard.mkdir(parents=True)
        (shard / "a").write_text("as written")
        write_sealed(shard / RESULT, {"result": {}, "files": describe_files(shard)})
        (shard / "a").write_text("damaged :(")
        artifact = building.finish(COUNTS, "", {}, time.time())
    assert artifact.damage() == []
    assert artifact.damage(checksums=True) == ["shards/00000/a has another checksum than when it was made"]


def test_a_store_of_format_1_is_opened_and_a_torn_record_of_it_made_again(tmp_path: Path) -> None:
    store = opened(tmp_path / "store")
    for text in ('{"format": 1}', '{"form', "[]", ""):
        (tmp_path / "store" / "format.json").write_text(text)
        store.open()
        assert store.format() == FORMAT


def test_a_store_opens_again_and_a_newer_one_is_refused_in_one_line(tmp_path: Path) -> None:
    store = opened(tmp_path / "store")
    opened(tmp_path / "store")
    (tmp_path / "store" / "format.json").write_text(json.dumps({"format": FORMAT + 1}))
    with pytest.raises(
        ValueError, match=f"has store format {FORMAT + 1}, this Gristmill reads formats 1 and {FORMAT}"
    ) as error:
        store.open()
    assert "\n" not in str(error.value)
    assert "--workdir" in str(error.value)


BUILD_SLOWLY = """
import os, sys, time
from pathlib import Path
from orchestration.identity import Identity
from orchestration.store import Provenance, Store
store = Store(Path(sys.argv[1]))
store.open()
heard = []
with store.claim(Identity("clean", 1, {}, {}), Provenance("", {}, {}, {}), heard.append, lambda: False) as building:
    if building is None:
        print("found it", len(heard))
    else:
        (building.folder / f"built-by-{os.getpid()}").touch()
        time.sleep(1)
        building.finish({}, "", {}, time.time())
        print("built it", len(heard))
"""


def test_two_processes_that_need_the_same_artifact_build_it_once(tmp_path: Path) -> None:
    command = [sys.executable, "-c", BUILD_SLOWLY, str(tmp_path / "store")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    said = sorted(process.communicate(timeout=60)[0].split()[0] for process in processes)
    assert said == ["built", "found", "found"]
    artifact = Store(tmp_path / "store").find("clean", Identity("clean", 1, {}, {}).name)
    assert artifact
    assert len(artifact.manifest["files"]) == 1
    assert read_json(artifact.path / "build.json")["host"] == os.uname().nodename
