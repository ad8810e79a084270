"""Metrics: to a file that a kill does not spoil, and to Weights & Biases, which is asked nothing and told nothing by default."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from orchestration.side_records import read_side_lines
from orchestration.tracking import MetricsFile, Trackers, wandb_mode

RECORDS: TypeAdapter[dict[str, Any]] = TypeAdapter(dict[str, Any])


def test_metrics_go_to_every_tracker_a_line_each(tmp_path: Path) -> None:
    files = [MetricsFile(tmp_path / name) for name in ("a.jsonl", "b.jsonl")]
    both = Trackers(list(files))
    both.log("pretrain", 3, {"loss": 1.5, "validation": {"sotu": 2.0}})
    both.log("clean", None, {"documents_in": 4})
    for file in files:
        file.close()
    expected = [
        {"stage": "pretrain", "step": 3, "loss": 1.5, "validation": {"sotu": 2.0}},
        {"stage": "clean", "step": None, "documents_in": 4},
    ]
    assert [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()] == expected
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_each_line_is_there_at_once_and_a_next_run_appends(tmp_path: Path) -> None:
    first = MetricsFile(tmp_path / "metrics.jsonl")
    first.log("clean", None, {"n": 1})
    assert len(read_side_lines(tmp_path / "metrics.jsonl", RECORDS)) == 1
    second = MetricsFile(tmp_path / "metrics.jsonl")
    second.log("clean", None, {"n": 2})
    assert [record["n"] for record in read_side_lines(tmp_path / "metrics.jsonl", RECORDS)] == [1, 2]
    first.close()
    second.close()


def test_what_a_killed_writer_left_spoils_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"stage": "clean", "step": null, "n": 1}\n{"stage": "cl')
    file = MetricsFile(path)
    file.log("clean", None, {"n": 2})
    file.close()
    assert [record["n"] for record in read_side_lines(path, RECORDS)] == [1, 2]


@pytest.mark.parametrize(
    ("asked", "key", "variable", "mode"),
    [
        ("auto", None, None, "offline"), ("auto", "k", None, "online"), ("auto", "k", "offline", "offline"),
        ("auto", "", None, "offline"), ("online", None, None, "online"), ("offline", "k", None, "offline"),
    ],
)  # fmt: skip
def test_nothing_is_sent_without_a_key(
    asked: str, key: str | None, variable: str | None, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("WANDB_API_KEY", key), ("WANDB_MODE", variable)):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
    assert wandb_mode(asked) == mode


OFFLINE = """
import sys
from pathlib import Path
from orchestration.tracking import WeightsAndBiases, wandb_mode
tracker = WeightsAndBiases(Path(sys.argv[1]), "project", "run", wandb_mode("auto"), {"seed": 0})
for step in range(3):
    tracker.log("pretrain", step, {"loss": 1.0, "validation": {"sotu": 2.0}, "name": "text", "flag": True})
tracker.close()
"""


def test_offline_weights_and_biases_keeps_to_its_folder_and_asks_nothing(tmp_path: Path) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    home.mkdir()
    here.mkdir()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WANDB")}
    run = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(tmp_path / "wandb")],
        env=environment | {"HOME": str(home)}, cwd=here, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert run.stdout == ""
    kept = [path for path in (tmp_path / "wandb").rglob("*.wandb") if b"pretrain/validation/sotu" in path.read_bytes()]
    assert len(kept) == 1
    assert [path for folder in (home, here) for path in folder.rglob("*") if path.is_file()] == []
