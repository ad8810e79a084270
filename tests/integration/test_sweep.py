"""A sweep on real Ray: what trials share is built once, each is a run, a failed one stops no other, all in one table."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.mark.long
def test_trials_share_the_data_and_fail_alone(line: Any, tools: Any, finished: Any, tmp_path: Path) -> None:
    tools.copy_of(finished, tmp_path)
    training = {**tools.RECIPE["pretrain"]["training"], "steps": 4, "warmup_steps": 1, "ranks": 1, "zero_stage": 1}
    recipe = {
        "extends": "recipe.yaml",
        "name": "swept",
        "vocab": {"size": 400},
        "pretrain": {"training": {**training, "spikes": {"patience": 1, "rewinds": 0}}},
        "finetune": None,
        "export": None,
        "sweep": {"values": {"pretrain.training.learning_rate": [1.0e-3, 1.0e30]}},
    }
    (line.folder / "swept.yaml").write_text(yaml.safe_dump(recipe), encoding="utf-8")
    ended = line.run("run", "swept.yaml", "--workdir", tmp_path)
    assert ended.returncode == 1, f"{ended.stdout}\n{ended.stderr}"
    assert "swept.2: gristmill: pretrain: " in ended.stdout
    results = json.loads((tmp_path / "runs" / "swept" / "sweep.json").read_text(encoding="utf-8"))["trials"]
    assert [result["state"] for result in results] == ["finished", "failed"]
    assert results[0]["bits_per_byte"] > 0
    assert "best: swept.1" in ended.stdout
    runs = ("swept", "swept.1", "swept.2")
    events = [event for run in runs for event in tools.read_events(tmp_path, run)]
    built = Counter(event["stage"] for event in events if event["event"] == "stage_finished")
    assert {stage: built[stage] for stage in tools.DATA_STAGES} == {
        "collect": 0, "clean": 0, "dedup": 0, "vocab": 1, "tokenize": 1,
    }  # fmt: skip
    status = json.loads(line.succeed("status", "swept.2", "--json", "--workdir", tmp_path))
    assert status["state"] == "failed"
