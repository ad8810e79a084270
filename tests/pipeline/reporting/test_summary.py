"""What the terminal shows at the end of a run: the figures of the manifests and scores, none left out."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from pipeline.recipe.reading import check_recipe, to_yaml
from pipeline.reporting.summary import facts_table, print_findings, print_summary, summary_rows

INTERVAL = {"value": 1.51239, "low": 1.25, "high": 1.75}
RIVAL = {"bits_per_byte": 2.5, "perplexity": 200.0, "difference": INTERVAL}
MEAN = {"accuracy": {"mean": 0.91, "seeds": [0.9, 0.92]}, "macro_f1": {"mean": 0.8, "seeds": [0.8, 0.8]}}
MANIFESTS: dict[str, Any] = {
    "collect": {"documents_in": 1245, "documents_out": 1243, "dropped": {"empty": 1}, "quarantined": 1},
    "clean": {
        "documents_in": 1243,
        "documents_out": 1200,
        "dropped": {"language": 40, "c4.lorem": 3},
        "quarantined": 0,
    },
    "dedup": {"documents_in": 1200, "documents_out": 1200, "dropped": {}, "quarantined": 0},
    "tokenize": {"tokens": 5070, "tokens_by_split": {"train": 5000, "test": 70}},
    "pretrain": {"parameters": 1_600_000, "steps": 360, "tokens": 1_474_560, "loss": 4.25, "validation_loss": None},
    "evaluate": {},
    "finetune": {},
    "export": {"largest_logit_difference": 2.51e-6},
}
SCORES = {
    "evaluate": {
        "test": {"all": {"documents": 17, "bits_per_byte": INTERVAL, "perplexity": INTERVAL, "5-gram": RIVAL, "unigram": RIVAL}},
        "tasks": {"cloze": {"accuracy": INTERVAL, "items": 50, "chance": 0.25}},
    },
    "finetune": {
        "pretrained": MEAN, "random_weights": MEAN, "majority_class": {"accuracy": 0.5, "macro_f1": 0.33},
        "tfidf": {"accuracy": 0.6, "macro_f1": 0.55},
    },
}  # fmt: skip


def view_of(folder: Path, *stages: str) -> Path:
    for stage in stages:
        (folder / stage).mkdir(parents=True)
        (folder / stage / "manifest.json").write_text(
            json.dumps({"format": 1, "stage": stage, "counts": MANIFESTS[stage]})
        )
        if stage in SCORES:
            (folder / stage / "scores.json").write_text(json.dumps(SCORES[stage]))
    if "export" in stages:
        (folder / "export" / "hf").mkdir()
        (folder / "export" / "hf" / "model.safetensors").write_bytes(b"x" * 2_600_000)
    return folder


def test_a_whole_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert summary_rows(view_of(tmp_path / "r", *MANIFESTS)) == [
        ("documents in", "1,245"),
        ("  collect", "dropped 1 (empty 1), quarantined 1"),
        ("  clean", "dropped 43 (language 40, c4.lorem 3)"),
        ("  dedup", "dropped 0"),
        ("documents out", "1,200"),
        ("tokens", "5,070 (train 5,000, test 70)"),
        ("network", "1,600,000 parameters, 360 steps, 1,474,560 tokens"),
        ("loss", "training 4.2500 nats a token"),
        ("perplexity", "1.51 [1.25, 1.75] on 17 test documents"),
        ("bits per byte", "1.5124 [1.2500, 1.7500]"),
        ("  Kneser-Ney 5-gram", "2.5000, the network is better by 1.5124 [1.2500, 1.7500]"),
        ("  unigram", "2.5000, the network is better by 1.5124 [1.2500, 1.7500]"),
        ("task cloze", "accuracy 1.512 [1.250, 1.750], chance 0.250"),
        ("fine-tuned (2 seeds)", "accuracy 0.9100, macro-F1 0.8000"),
        ("  from random weights", "accuracy 0.9100, macro-F1 0.8000"),
        ("  majority class", "accuracy 0.5000, macro-F1 0.3300"),
        ("  TF-IDF, no network", "accuracy 0.6000, macro-F1 0.5500"),
        ("exported", "r/export/hf (Hugging Face, 2.6 MB)"),
        ("  checked", "logits within 2.5e-06 of the trained network's, same greedy text"),
    ]


def test_a_run_of_two_stages_and_brackets_in_names(tmp_path: Path) -> None:
    view = view_of(tmp_path / "r[1]", "collect", "clean")
    assert [name for name, _ in summary_rows(view)] == [
        "documents in", "  collect", "  clean", "documents out",
    ]  # fmt: skip
    recipe = check_recipe({"name": "r", "collect": {"sources": [{"name": "s", "path": "a.txt"}]}}, "test")
    (view / "recipe.yaml").write_text(to_yaml(recipe))
    output = io.StringIO()
    print_summary(view, view / "report.html", Console(file=output, width=200))
    assert "Run r[1]" in output.getvalue()
    assert "r[1]/report.html" in output.getvalue()


def test_what_a_training_left_out_and_what_it_began_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parent = {"identity": "0123456789abcdef", "mode": "continue", "step": 1200}
    counts = {**MANIFESTS["pretrain"], "steps_left_out": 3, "parent": parent}
    monkeypatch.setitem(MANIFESTS, "pretrain", counts)
    rows = dict(summary_rows(view_of(tmp_path / "r", "pretrain")))
    assert rows["  left out"] == "3 steps whose loss or gradient was out of line"
    assert rows["  began with"] == "weights, optimizer and step of 0123456789ab at step 1,200"


def test_facts_are_indented_and_in_units() -> None:
    output = io.StringIO()
    facts = {
        "disk_bytes": 2_500_000_000,
        "flops": 1.5e15,
        "pretrain": {"parameters": 1_600_000},
        "bits_per_byte": 1.5,
        "state_bytes": 5,
    }
    Console(file=output, width=80).print(facts_table(facts))
    lines = [" ".join(line.split()) for line in output.getvalue().splitlines()]
    assert lines == [
        "disk 2.50 GB",
        "flops 1.5e+15",
        "pretrain",
        "parameters 1,600,000",
        "bits per byte 1.5000",
        "state 0.0 MB",
    ]


def test_findings_of_the_doctor() -> None:
    output = io.StringIO()
    findings = [
        {"ok": True, "part": "python", "found": "3.11"},
        {"ok": False, "part": "compiler", "found": "none", "remedy": "install g++"},
    ]
    print_findings(findings, Console(file=output, width=80))
    assert [line.split() for line in output.getvalue().splitlines()] == [
        ["ok", "python", "3.11"], ["not", "ok", "compiler", "none", "(install", "g++)"]
    ]  # fmt: skip
