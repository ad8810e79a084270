"""Damage that cannot hide: a bit that flips anywhere in the store is named before anything is made of it, and mended."""

import json
import shutil
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def workdir(finished: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The finished run in a workdir of its own, which every test leaves as it was."""
    folder = tmp_path_factory.mktemp("damage") / "work"
    shutil.copytree(finished.workdir, folder, symlinks=True)
    yield folder


def artifact(workdir: Path, stage: str) -> Path:
    return (workdir / "runs" / "small" / stage).resolve()


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


# What is damaged, and what makes a stage read it: the stage that refuses, and the change to the recipe.
READ = {
    "collect/shards/*/documents-*.parquet": ("clean", "clean.gopher_quality.min_words=51"),
    "vocab/tokenizer/tokenizer.json": ("tokenize", "tokenize.validation=0.2"),
    "tokenize/shards/*/*-train.bin": ("pretrain", "pretrain.training.seed=5"),
    "pretrain/checkpoints/*/weights-*.safetensors": ("export", "export.license=mit"),
    "evaluate/scores.json": ("export", "export.license=mit"),
}


@pytest.mark.long
@pytest.mark.parametrize("place", READ)
def test_a_flipped_bit_is_named_with_the_remedy_and_nothing_is_made_of_it(line: Any, workdir: Path, place: str) -> None:
    stage, change = READ[place]
    damaged, _, pattern = place.partition("/")
    path = sorted(artifact(workdir, damaged).glob(pattern))[0]
    before = path.read_bytes()
    flip(path)
    ended = line.run("run", "recipe.yaml", change, "--until", stage, "--workdir", workdir)
    path.write_bytes(before)
    said = ended.stderr + ended.stdout
    assert ended.returncode in (1, 2), said
    assert path.name in said and "gristmill verify --repair" in said
    assert "Traceback" not in said
    planned = json.loads((workdir / "runs" / "small" / "plan.json").read_text())["stages"]
    (name,) = [entry["artifact"] for entry in planned if entry["stage"] == stage]
    assert name is None or not (workdir / "store" / stage / name).exists(), "nothing was made of it"


@pytest.mark.long
def test_verify_names_each_damaged_file_and_repair_builds_it_again(line: Any, workdir: Path) -> None:
    line.succeed("run", "recipe.yaml", "--workdir", workdir)
    assert "are as they were made" in line.succeed("verify", "--workdir", workdir)
    documents = sorted(artifact(workdir, "clean").glob("shards/*/documents-*.parquet"))[1]
    tokens = sorted(artifact(workdir, "tokenize").glob("shards/*/*-train.bin"))[2]
    before = documents.read_bytes(), tokens.read_bytes()
    for path in (documents, tokens):
        flip(path)
    ended = line.run("verify", "small", "--workdir", workdir)
    assert ended.returncode == 1, ended.stderr
    for path in (documents, tokens):
        assert f"{path.parent.name}/{path.name} has another checksum than when it was made" in ended.stdout
    assert "to build" in ended.stdout
    said = line.succeed("verify", "--repair", "--workdir", workdir)
    assert (documents.read_bytes(), tokens.read_bytes()) == before
    assert "pretrain  built" not in said, "what was made of it is the same, and stays"
    assert "are as they were made" in line.succeed("verify", "all", "--workdir", workdir)
    freed = line.succeed("prune", "--yes", "--workdir", workdir)
    assert freed.count(".damaged") == 2


@pytest.mark.parametrize(
    ("stage", "old", "new"),
    [("pretrain", '"steps": 48', '"steps": 49'), ("clean", '"documents_out": ', '"documents_out": 1')],
)
def test_an_edited_manifest_is_not_printed_as_the_result(
    line: Any, workdir: Path, stage: str, old: str, new: str
) -> None:
    line.succeed("run", "recipe.yaml", "--workdir", workdir)
    path = artifact(workdir, stage) / "manifest.json"
    before = path.read_text()
    path.write_text(before.replace(old, new, 1))
    try:
        assert path.read_text() != before
        for command in (("run", "recipe.yaml"), ("plan", "recipe.yaml"), ("inspect", "small")):
            assert "gristmill verify --repair" in line.refuse(*command, "--workdir", workdir)
        assert "manifest.json is not as it was written" in line.run("verify", stage, "--workdir", workdir).stdout
    finally:
        path.write_text(before)


def test_torn_side_records_are_made_again_or_passed_over(line: Any, workdir: Path) -> None:
    """Each in another way; what every reader does with every kind of damage has tests of its own."""
    store = workdir / "store"
    records = [store / "sources.json", store / "format.json"]
    records += [artifact(workdir, stage) / "build.json" for stage in ("collect", "pretrain")]
    records += [workdir / "runs" / "small" / name for name in ("events.jsonl", "plan.json", "metrics.jsonl")]
    records += [artifact(workdir, "pretrain") / "metrics.jsonl", *sorted(store.glob(".records/*/*.json"))]
    for path, text in zip(records, cycle(["", "{", "[]", '"x"', '{"a": 7}', "\x00"]), strict=False):
        path.write_text(text)
    assert line.succeed("run", "recipe.yaml", "--workdir", workdir).count("reused") == 9
    for command in (("plan", "recipe.yaml"), ("status",), ("inspect", "small"), ("verify",)):
        line.succeed(*command, "--workdir", workdir)


@pytest.mark.long
def test_an_export_that_was_killed_before_it_was_whole_is_done_again(line: Any, workdir: Path) -> None:
    """Its release had its place already, its manifest had not been written."""
    line.succeed("run", "recipe.yaml", "--workdir", workdir)
    export = artifact(workdir, "export")
    certificate = (export / "hf" / "certificate.json").read_bytes()
    for name in ("manifest.json", "build.json"):
        (export / name).unlink()
    export.rename(export.with_name(f"{export.name}.building"))
    assert "export    built" in line.succeed("run", "recipe.yaml", "--workdir", workdir)
    assert (artifact(workdir, "export") / "hf" / "certificate.json").read_bytes() == certificate
    assert "every file compared with its checksum" in set(json.loads(certificate)["chain"].values())
