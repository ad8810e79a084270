"""The demo's sources: each planted defect is found by the stage and the rule that it was planted for."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest


@pytest.fixture(scope="module")
def view(line: Any, tools: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo up to dedup."""
    workdir = tmp_path_factory.mktemp("planted")
    recipe = tools.REPOSITORY / "configs" / "demo.yaml"
    line.succeed("run", recipe, "tracking.wandb=off", "--until", "dedup", "--workdir", workdir)
    return workdir / "runs" / "demo"


def records(view: Path, stage: str, name: str) -> list[dict[str, Any]]:
    return [row for path in sorted((view / stage).glob(f"shards/*/{name}")) for row in pq.read_table(path).to_pylist()]


def planted(tools: Any) -> dict[str, dict[str, Any]]:
    return json.loads((tools.SAMPLES / "planted.json").read_text())


def test_each_defect_falls_to_its_rule(view: Path, tools: Any) -> None:
    fate: dict[str, tuple[str, str]] = {}
    for stage in ("collect", "clean", "dedup"):
        for row in records(view, stage, "rejected.parquet"):
            name = json.loads(row["meta"]).get("id", "")
            if row["source"] == "planted":
                assert name not in fate
                fate[name] = (stage, row["rule"])
        for row in records(view, stage, "quarantine.parquet"):
            offset = int(row["locator"].rpartition("#")[2])
            (name,) = [each for each, facts in planted(tools).items() if facts["offset"] == offset]
            assert row["error"]
            fate[name] = (stage, "quarantine")
    expected = {name: facts for name, facts in planted(tools).items() if facts["rule"]}
    assert len(expected) == 9
    assert fate.keys() == expected.keys()
    for name, facts in expected.items():
        stage, rule = fate[name]
        assert stage == facts["stage"], name
        assert rule == facts["rule"] or rule.startswith(facts["rule"] + "."), name


def test_what_duplicates_were_made_of_is_kept(view: Path, tools: Any) -> None:
    kept = {json.loads(row["meta"]).get("id") for row in records(view, "dedup", "documents-*.parquet")}
    # Addresses with passages for the fine-tuning are held out, copies or not.
    rejected = records(view, "dedup", "rejected.parquet")
    kept |= {json.loads(row["meta"]).get("id") for row in rejected if row["rule"] == "contaminated"}
    for name in ("planted-exact", "planted-near"):
        assert planted(tools)[name]["of"] in kept
        assert name not in kept


def test_addresses_are_masked(view: Path) -> None:
    (row,) = [
        row
        for row in records(view, "dedup", "documents-*.parquet")
        if json.loads(row["meta"]).get("id") == "planted-personal"
    ]
    assert "@" not in row["text"]
    assert "8.8.4.4" not in row["text"]
    assert (row["text"].count("<EMAIL>"), row["text"].count("<IP_ADDRESS>")) == (2, 1)


def test_text_of_evaluation_tasks_is_not_trained_on(view: Path, tools: Any) -> None:
    lines = (tools.SAMPLES / "cloze.jsonl").read_text().splitlines()
    asked = [item["context"] + " " + item["choices"][item["answer"]] for item in map(json.loads, lines)]
    texts = [" ".join(row["text"].split()) for row in records(view, "dedup", "documents-*.parquet")]
    assert not [question for question in asked if any(question in text for text in texts)]


def test_html_pages_are_extracted(view: Path) -> None:
    pages = [row for row in records(view, "collect", "documents-*.parquet") if row["source"] == "pages"]
    assert len(pages) == 5
    assert not [row["uri"] for row in pages if "<p>" in row["text"] or "</" in row["text"]]
