"""What an older Gristmill made is found, used and continued: nothing that was trained is trained again."""

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

STORE = Path(__file__).parents[1] / "stores" / "format-1.tar.gz"
QUIET = "tracking.wandb=off"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder that Gristmill at commit 873c986 left, with its recipes, sources and `work/`."""
    with tarfile.open(STORE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "format-1"


def built(said: str) -> list[str]:
    return [line.split()[0] for line in said.splitlines() if " built in " in line]


def events(old: Path, run: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (old / "work" / "runs" / run / "events.jsonl").read_text().splitlines()]


def test_nothing_is_trained_again_with_a_store_of_format_1(line: Any, old: Path) -> None:
    """The versions of most stages went up since: they are built, and vocabulary, tokens and network come out as they were."""
    said = line.succeed("run", old / "whole.yaml", "--workdir", old / "work", QUIET)
    assert set(built(said)) == {"collect", "annotate", "clean", "dedup", "tokenize", "evaluate", "finetune", "export"}
    said = line.succeed("run", old / "deeper.yaml", "--workdir", old / "work", QUIET)
    assert not {"vocab", "pretrain"} & set(built(said))
    assert "as they were made" in line.succeed("verify", "all", "--workdir", old / "work")
    line.succeed("prune", "--yes", "--workdir", old / "work")
    for run in ("whole", "deeper"):
        assert (old / "work" / "runs" / run / "pretrain").exists(), "a trained network is never freed for an upgrade"


@pytest.mark.long
def test_a_training_that_an_older_gristmill_began_is_continued(line: Any, old: Path) -> None:
    before = len(events(old, "half"))
    line.succeed("run", old / "half.yaml", "--until", "pretrain", "--workdir", old / "work", QUIET)
    assert [(e["event"], e["step"]) for e in events(old, "half")[before:] if e["event"] == "resumed"] == [
        ("resumed", 9)
    ]


@pytest.mark.long
def test_a_sweep_shares_with_runs_of_before(line: Any, old: Path) -> None:
    recipe = old / "sweep.yaml"
    recipe.write_text(
        "extends: whole.yaml\nname: trial\nsweep: {values: {pretrain.training.learning_rate: [2.0e-3, 4.0e-3]}}\n"
    )
    said = line.succeed("run", recipe, "--workdir", old / "work", QUIET)
    assert "pretrain" not in built(said)
    for trial in ("trial.1", "trial.2"):
        assert not [e for e in events(old, trial) if e["event"] == "stage_started" and e["stage"] == "pretrain"]


def test_a_patch_release_of_libraries_is_compared_and_trains_nothing(line: Any, old: Path, tmp_path: Path) -> None:
    """A wheel's metadata, first on the path, says that torch and pyarrow are of other versions."""
    line.succeed("run", old / "whole.yaml", "--workdir", old / "work", QUIET)
    newer = tmp_path / "newer"
    for name, version in (("torch", "2.13.1"), ("pyarrow", "26.0.2")):
        folder = newer / f"{name}-{version}.dist-info"
        folder.mkdir(parents=True)
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    env = {"PYTHONPATH": str(newer)}
    planned = line.succeed("plan", old / "whole.yaml", "--workdir", old / "work", env=env)
    assert "pyarrow 26.0.1 -> 26.0.2: will be compared" in " ".join(planned.split())
    said = line.succeed("run", old / "whole.yaml", "--workdir", old / "work", QUIET, env=env)
    assert built(said) == []
    assert "collect   comparing" in said and "tokenize  comparing" in said
    again = json.loads(line.succeed("plan", old / "whole.yaml", "--workdir", old / "work", "--json", env=env))
    assert {stage["action"] for stage in again["stages"]} == {"reuse"}, "the verdict is remembered"
    reasons = {stage["stage"]: stage["reason"] for stage in again["stages"]}
    assert "torch 2.13.0 -> 2.13.1" in reasons["pretrain"] and "--rebuild pretrain" in reasons["pretrain"]


@pytest.mark.long
def test_a_network_is_adopted_by_hand_and_says_so(line: Any, old: Path) -> None:
    """`deeper` trained with another learning rate; the network of `whole` is taken for a third."""
    work = old / "work"
    recipe = old / "third.yaml"
    recipe.write_text("extends: whole.yaml\nname: third\npretrain: {training: {learning_rate: 3.0e-3}}\n")
    line.succeed("run", recipe, "--until", "tokenize", "--workdir", work, QUIET)
    trained = (work / "runs" / "whole" / "pretrain").resolve()
    said = line.succeed("adopt", "third", "pretrain", trained, "--workdir", work)
    assert "pretrain.training.learning_rate: 0.004 -> 0.003" in said
    manifest = json.loads((work / "runs" / "third" / "pretrain" / "manifest.json").read_text())
    assert manifest["adopted"]["from"] == trained.name
    assert "pretrain" not in built(line.succeed("run", recipe, "--workdir", work, QUIET))
    wider = old / "wider.yaml"
    wider.write_text("extends: whole.yaml\nname: wider\npretrain: {model: {d_model: 64}}\n")
    line.succeed("run", wider, "--until", "tokenize", "--workdir", work, QUIET)
    assert "has shape" in line.refuse("adopt", "wider", "pretrain", trained, "--workdir", work)
    other = old / "other.yaml"
    other.write_text("extends: whole.yaml\nname: other\nvocab: {size: 280}\n")
    line.succeed("run", other, "--until", "tokenize", "--workdir", work, QUIET)
    assert "another vocabulary" in line.refuse("adopt", "other", "pretrain", trained, "--workdir", work)
    assert "not of dedup" in line.refuse("adopt", "wider", "dedup", trained, "--workdir", work)
    shutil.rmtree(work / "runs" / "third")
    assert "a trained network: 6 steps" in line.run("prune", "--workdir", work).stdout
