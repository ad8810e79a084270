"""What identifies a source: content, remembered; one hash for many files; what a server says of a URL."""

import os
import sys
from pathlib import Path

import pytest

from data.collect.config import CollectConfig
from data.sources.config import SourceConfig
from orchestration.files import checksum
from orchestration.store import Provenance, Store
from pipeline.recipe.fields import output_fields
from pipeline.recipe.reading import check_recipe
from pipeline.runs.plan import make_plan
from pipeline.runs.view import link, open_view
from pipeline.stages import collect
from pipeline.stages.collect import STAGE
from pipeline.stages.source_hashes import Remote, SourceHashes, source_bytes
from tests.artifacts import finish


def test_a_file_is_its_content_read_again_only_when_it_looks_changed(tmp_path: Path) -> None:
    file, cache = tmp_path / "a", tmp_path / "sources.json"
    file.write_bytes(b"x" * 100)
    hashes = SourceHashes(cache, verify=False)
    assert hashes.of(file) == hashes.of(str(file)) == checksum(file)
    hashes.save()
    status = file.stat()
    file.write_bytes(b"y" * 100)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert SourceHashes(cache, verify=False).of(file) != checksum(file), "size and time are as they were"
    assert SourceHashes(cache, verify=True).of(file) == checksum(file)
    file.write_bytes(b"z" * 101)
    assert SourceHashes(cache, verify=False).of(file) == checksum(file)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such folders")
def test_files_are_remembered_in_folders_whose_names_are_not_utf8(tmp_path: Path) -> None:
    folder, cache = tmp_path / os.fsdecode(b"\xff"), tmp_path / "sources.json"
    folder.mkdir()
    (folder / "a").write_bytes(b"x")
    hashes = SourceHashes(cache, verify=False)
    first = hashes.of(folder / "a")
    hashes.save()
    status = (folder / "a").stat()
    (folder / "a").write_bytes(b"y")
    os.utime(folder / "a", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert SourceHashes(cache, verify=False).of(folder / "a") == first, "size and time are as they were"


def test_a_large_file_has_the_same_hash_as_a_small_one_would(tmp_path: Path) -> None:
    for size in (0, (1 << 20) - 1, 1 << 20):
        (tmp_path / "a").write_bytes(b"x" * size)
        assert SourceHashes(tmp_path / "c", verify=True).of(tmp_path / "a") == checksum(tmp_path / "a")


def test_urls_and_many_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    hashes = SourceHashes(tmp_path / "c", verify=False)
    remote = Remote("5 bytes, ETag 1", 5)
    assert hashes.of(remote) == "5 bytes, ETag 1"
    many = {"a": str(tmp_path / "a"), "u": remote}
    assert hashes.of(many) == hashes.of(dict(reversed(many.items())))
    assert hashes.of(many) != hashes.of({**many, "u": Remote("5 bytes, ETag 2", 5)})
    assert source_bytes(many) == 6 and source_bytes(tmp_path / "none") == 0
    with pytest.raises(ValueError, match="there is no such file"):
        hashes.of({"gone": str(tmp_path / "gone")})


def planned(base: Path, store: Store, **fields: object) -> str:
    """Why collect is built or reused; then it is there, as after a run."""
    recipe = check_recipe({"name": "r", "collect": {"sources": [{"name": "web", "path": "in"}], **fields}}, "test")
    view = base / "runs" / "r"
    steps = make_plan(recipe, base, store, view)
    open_view(view, recipe, base, steps)
    step = steps[0]
    if step.action == "build":
        assert step.identity
        provenance = Provenance(step.key, output_fields(step.config), step.libraries, {})
        link(view, "collect", store, finish(store, step.identity, {"out.txt": "collect"}, provenance=provenance))
    return step.reason


def test_the_plan_names_a_changed_file_a_changed_source_and_a_changed_withdrawal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    for number in range(20):
        (tmp_path / "in" / f"{number}.txt").write_text("text")
    (tmp_path / "gone.txt").write_text("one\n")
    store = Store(tmp_path / "store")
    store.open()
    planned(tmp_path, store)
    (tmp_path / "in" / "7.txt").write_text("other text")
    assert planned(tmp_path, store) == "file web:in/7.txt has changed"
    planned(tmp_path, store, withdrawn="gone.txt")
    (tmp_path / "gone.txt").write_text("one\ntwo\n")
    assert planned(tmp_path, store, withdrawn="gone.txt") == "file withdrawn gone.txt has changed"
    monkeypatch.setattr(collect, "NAMED_FILES", 10)
    planned(tmp_path, store)
    (tmp_path / "in" / "8.txt").write_text("other text")
    assert planned(tmp_path, store) == "file list of web has changed"
    assert "nothing" in planned(tmp_path, store)


def test_many_files_are_one_line_of_the_manifest(tmp_path: Path) -> None:
    for folder in range(5):
        (tmp_path / "in" / f"{folder}").mkdir(parents=True)
        for number in range(100):
            (tmp_path / "in" / f"{folder}" / f"{number}.txt").write_text(f"{folder} {number}")
    config = CollectConfig(sources=[SourceConfig(name="web", path="in")])
    sources = STAGE.sources(config, tmp_path)
    assert list(sources) == ["list of web"] and len(sources["list of web"]) == 500
    hashes = SourceHashes(tmp_path / "sources.json", verify=False)
    before = hashes.of(sources["list of web"])
    (tmp_path / "in" / "3" / "3.txt").write_text("changed")
    assert hashes.of(sources["list of web"]) != before
