"""The command line that trains on token shards without Ray, as `torchrun` starts it."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from data.tokens.bpe import train_tokenizer
from data.tokens.config import VocabConfig
from pipeline.releases.export_release import export_release
from pipeline.releases.find import release_at

TRAIN = [sys.executable, "-m", "pipeline.pretrain"]  # one process is the only rank
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def shards(token_folder: Path, tmp_path: Path) -> Path:
    """A folder with token shards, their tokenizer, and a recipe that says only how to train."""
    shutil.copytree(token_folder, tmp_path / "theirs")
    pretrain = {
        "model": {"d_model": 16, "n_layers": 1, "n_heads": 2, "max_sequence_length": 16},
        "training": {"steps": 4, "sequence_length": 16, "global_batch": 2, "validation_samples": 2, "threads": 1},
    }
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump({"name": "only", "pretrain": pretrain}))
    return tmp_path


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TRAIN, "recipe.yaml", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        env={**ENVIRONMENT, **environment},
    )


OPTIONS = ("--tokens", "theirs/tokens", "--tokenizer", "theirs/tokenizer.json", "--out", "out")


def test_it_trains_says_so_and_leaves_what_can_be_exported(shards: Path) -> None:
    ended = run(shards, "pretrain.training.warmup_steps=1", *OPTIONS, "pretrain.training.steps=2")
    assert ended.returncode == 0, ended.stderr
    first, *_, last = ended.stdout.splitlines()
    assert first == f"pretrain: 2 steps, into {shards / 'out'}"
    assert last.startswith("pretrain: 2 steps done, loss ") and last.endswith("step-00000002")
    export_release(release_at(shards / "out"), shards / "exported")
    assert (shards / "exported" / "tokenizer.json").read_bytes() == (shards / "theirs" / "tokenizer.json").read_bytes()


def test_sigterm_saves_and_the_same_command_goes_on(shards: Path) -> None:
    command = [*TRAIN, "recipe.yaml", *OPTIONS, "pretrain.training.warmup_steps=1"]
    process = subprocess.Popen(
        [*command, "pretrain.training.steps=100000", "pretrain.training.log_every=1"],
        cwd=shards,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    deadline = time.monotonic() + 120
    while not (shards / "out" / "metrics.jsonl").exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM, err
    assert "Traceback" not in err
    step = int(out.splitlines()[-1].removeprefix("pretrain: stopped at step ").split(";")[0].replace(",", ""))
    again = run(shards, *OPTIONS, f"pretrain.training.steps={step + 1}", "pretrain.training.warmup_steps=1")
    assert again.returncode == 0, again.stderr
    assert f"pretrain: going on from step-{step:08d}" in again.stdout


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"--tokens": "nowhere"}, "there are no token shards of the train split"),
        ({"--tokenizer": "nowhere"}, "nowhere: there is no such file"),
        ({"--tokenizer": "other"}, "out: was begun with another tokenizer; choose another folder"),
    ],
)
def test_a_mistake_is_one_line(shards: Path, changes: dict[str, str], said: str) -> None:
    (shards / "out").mkdir()
    shutil.copy(shards / "theirs" / "tokenizer.json", shards / "out")
    (shards / "other").mkdir()
    train_tokenizer(shards / "other", [shards / "theirs" / "documents.parquet"], VocabConfig(size=280), seed=0)
    options = dict(zip(OPTIONS[::2], OPTIONS[1::2], strict=True)) | changes
    ended = run(shards, *(word for option in options.items() for word in option), "pretrain.training.warmup_steps=1")
    assert ended.returncode == 2
    assert ended.stderr.startswith("gristmill: ") and said in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_one_rank_of_a_machine_speaks_for_all(shards: Path) -> None:
    assert "Pretrain on token shards" in run(shards, "--help", LOCAL_RANK="0").stdout
    silent = run(shards, "--tokens", LOCAL_RANK="1")
    assert (silent.returncode, silent.stdout, silent.stderr) == (2, "", "")
