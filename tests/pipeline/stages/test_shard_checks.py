"""The tasks of the stages refuse the networks that the commands refuse, with the same words."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from model.network.network import Network
from pipeline.recipe.recipe import EvaluateConfig, ExportConfig, FinetuneConfig, TaskConfig
from pipeline.stages.evaluate_shards import score_shards, score_task, write_samples
from pipeline.stages.export_shard import export_shard
from pipeline.stages.finetune_shard import finetune_shard
from tests.pipeline.tiny_releases import byte_level, write_lines, write_release

ITEM = {"context": "the river", "choices": ["rose", "fell"], "answer": 0}
LABELLED = [{"text": f"{word} {number}", "label": word} for word in ("grain", "flour") for number in range(20)]


def not_a_number(network: Network) -> None:
    list(network.parameters())[3].view(-1)[7] = math.nan


@pytest.fixture
def tasks(tmp_path: Path) -> Callable[[Path], dict[str, Callable[[], Any]]]:
    """The tasks that compute with the network of a folder, by name."""
    items = write_lines(tmp_path / "task.jsonl", ITEM)
    labelled = write_lines(tmp_path / "labelled.jsonl", *LABELLED)
    evaluate, task = EvaluateConfig(), TaskConfig(name="task", path=str(items))

    def of(folder: Path) -> dict[str, Callable[[], Any]]:
        shared = {"checkpoint": folder, "tokenizer": folder / "tokenizer.json"}
        seed = {"data": labelled, "config": FinetuneConfig(data=str(labelled)), "seed": 0, "pretrained": True}
        release = {"tokens": tmp_path, "config": ExportConfig(), "manifests": {}, "scores": {}, "chain": {}}
        return {
            "shards": lambda: score_shards(tmp_path, prefixes=[], config=evaluate, **shared),
            "task": lambda: score_task(tmp_path, items, task, config=evaluate, **shared),
            "samples": lambda: write_samples(tmp_path, config=evaluate, **shared),
            "finetune": lambda: finetune_shard(tmp_path, **shared, **seed),
            "export": lambda: export_shard(tmp_path, **shared, **release),
        }

    return of


def test_a_weight_that_is_not_finite(tmp_path: Path, tasks: Callable[[Path], dict[str, Callable[[], Any]]]) -> None:
    for name, task in tasks(write_release(tmp_path / "bad", change=not_a_number)).items():
        with pytest.raises(ValueError, match=r"bad: the weight model\.layers\.\S+ is nan at \["):
            pytest.fail(f"{name} gives {task()}")


def test_a_tokenizer_larger_than_the_network(
    tmp_path: Path, tasks: Callable[[Path], dict[str, Callable[[], Any]]]
) -> None:
    tokenizer = byte_level()
    folder = write_release(tmp_path / "larger", tokenizer)
    tokenizer.add_tokens(["zzqq"])
    tokenizer.save(str(folder / "tokenizer.json"))
    for name, task in tasks(folder).items():
        with pytest.raises(ValueError, match="larger: the tokenizer has ids up to"):
            pytest.fail(f"{name} gives {task()}")
