"""One recipe through all nine stages, by the command line, on a real Ray and two real DeepSpeed ranks."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import blake3
import pyarrow.parquet as pq
import pytest
import torch

from model.formats.load import load_network

MANIFEST_KEYS = {
    "stage",
    "fingerprint",
    "key",
    "inputs",
    "config",
    "versions",
    "files",
    "counts",
    "content",
    "checksum",
}


def test_every_stage_leaves_a_manifest_that_matches_its_files(finished: Any, tools: Any) -> None:
    manifests = tools.read_manifests(finished.workdir)
    assert tuple(manifests) == tools.STAGES
    for stage, manifest in manifests.items():
        artifact = finished.view / stage
        assert manifest.keys() >= MANIFEST_KEYS
        assert manifest["stage"] == stage
        assert artifact.is_symlink()
        assert artifact.resolve() == finished.workdir.resolve() / "store" / stage / manifest["fingerprint"]
        assert manifest["versions"]
        assert manifest["files"]
        for entry in manifest["files"]:
            content = (artifact / entry["path"]).read_bytes()
            assert (len(content), blake3.blake3(content).hexdigest()) == (entry["bytes"], entry["checksum"])
        for name, content in manifest["inputs"].items():
            assert content == manifests[name]["content"] if name in manifests else name.startswith("file ")
        assert manifest["artifacts"] == {
            name: f"{name}/{manifests[name]['fingerprint']}" for name in manifest["inputs"] if name in manifests
        }
        undescribed = {path.relative_to(artifact).as_posix() for path in artifact.rglob("*") if path.is_file()}
        undescribed -= {entry["path"] for entry in manifest["files"]}
        assert undescribed - {"metrics.jsonl", "verified.json"} == {"manifest.json", "build.json"}


def test_no_manifest_tells_where_it_was_made(finished: Any, line: Any, tools: Any) -> None:
    for stage in tools.STAGES:
        text = (finished.view / stage / "manifest.json").read_text()
        assert str(line.folder) not in text, stage


def test_document_counts_add_up_from_stage_to_stage(finished: Any, tools: Any) -> None:
    manifests = tools.read_manifests(finished.workdir)
    handed_on = None
    for stage in ("collect", "clean", "dedup", "tokenize"):
        counts = manifests[stage]["counts"]
        lost = sum(counts["dropped"].values()) + counts["quarantined"]
        assert counts["documents_in"] == counts["documents_out"] + lost
        assert handed_on in (None, counts["documents_in"])
        handed_on = counts["documents_out"]
        if stage != "tokenize":
            written = {
                name: sum(pq.read_metadata(path).num_rows for path in (finished.view / stage).glob(f"shards/*/{name}"))
                for name in ("documents-*.parquet", "rejected.parquet", "quarantine.parquet")
            }
            assert list(written.values()) == [
                counts["documents_out"],
                sum(counts["dropped"].values()),
                counts["quarantined"],
            ]
    assert [manifests[stage]["counts"]["dropped"] for stage in ("collect", "clean", "dedup")] == [
        {"empty": 1},
        {"gopher_repetition.top_2_gram": 1},
        {"exact_duplicate": 1},
    ]
    assert manifests["collect"]["counts"]["quarantined"] == 1
    assert handed_on == tools.SOURCES * tools.ADDRESSES + 5


def test_the_export_gives_the_logits_of_the_trained_network(finished: Any) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = finished.view / "export" / "hf"
    exported = AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=False).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    ids = tokenizer("The state of the Union is", return_tensors="pt").input_ids
    assert ids.shape[1] > 4
    trained = load_network(finished.view / "pretrain" / "checkpoints")
    with torch.no_grad():
        difference = (exported(ids).logits - trained(ids)).abs().max().item()
    assert difference < 1e-4


def test_certificate_and_model_card_have_the_facts(finished: Any, tools: Any) -> None:
    manifests, folder = tools.read_manifests(finished.workdir), finished.view / "export" / "hf"
    certificate = json.loads((folder / "certificate.json").read_text())
    assert 0 <= certificate["checks"]["largest_logit_difference"] < 1e-4
    assert certificate["checks"]["greedy_equal"] == certificate["checks"]["greedy_prompts"] > 0
    for name, checksum in certificate["files"].items():
        assert blake3.blake3((folder / name).read_bytes()).hexdigest() == checksum
    made_from = {stage: facts["fingerprint"] for stage, facts in certificate["made_from"].items()}
    assert made_from == {stage: manifests[stage]["fingerprint"] for stage in tools.STAGES[:-1]}

    card = (folder / "README.md").read_text()
    assert card.startswith('---\nlicense: "cc0-1.0"\n')
    perplexity = json.loads((finished.view / "evaluate" / "scores.json").read_text())["test"]["all"]["perplexity"]
    for fact in (
        f"{manifests['pretrain']['counts']['parameters']:,} parameters",
        f"{manifests['collect']['counts']['documents_in']}",
        "`sotu-0`",
        "CC0-1.0",
        "CC-BY-4.0",
        f"{perplexity['value']:.2f}",
        "macro-F1",
    ):
        assert fact in card, fact


def test_the_run_keeps_its_logs(finished: Any, tools: Any) -> None:
    events = tools.read_events(finished.workdir)
    assert [event["event"] for event in (events[0], events[-1])] == ["run_started", "run_finished"]
    ended = [event["stage"] for event in events if event["event"] == "stage_finished"]
    assert sorted(ended) == sorted(tools.STAGES)
    metrics = [json.loads(line) for line in (finished.view / "metrics.jsonl").read_text().splitlines()]
    steps = [
        record["step"] for record in metrics if record["stage"] == "pretrain" and "loss" in record and record["step"]
    ]
    assert steps == list(range(1, tools.RECIPE["pretrain"]["training"]["steps"] + 1))
    assert {record["stage"] for record in metrics} == set(tools.STAGES)
    status = [record for record in metrics if record["stage"] == "evaluate"][-1]
    assert status["perplexity"] > 1


def test_training_went_down(finished: Any) -> None:
    metrics = [json.loads(line) for line in (finished.view / "metrics.jsonl").read_text().splitlines()]
    losses = [record["loss"] for record in metrics if record["stage"] == "pretrain" and "gradient_norm" in record]
    assert losses[-1] < losses[0] - 0.5


def test_the_report_needs_nothing_beside_it(finished: Any) -> None:
    page = (finished.view / "report.html").read_text()
    assert "<svg" in page
    assert re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:|//)[^"'>]*""", page, re.IGNORECASE) == []
    assert not re.search(r"@import|url\(\s*['\"]?(?:https?:|//)|<link\b|<script[^>]*\bsrc", page, re.IGNORECASE)


def test_the_summary_says_what_came_out(finished: Any, tools: Any) -> None:
    counts = {stage: manifest["counts"] for stage, manifest in tools.read_manifests(finished.workdir).items()}
    summary = finished.printed[finished.printed.index("Run small") :]
    dropped = [f"{rule} {number}" for stage in ("clean", "dedup") for rule, number in counts[stage]["dropped"].items()]
    for fact in (
        ["documents in", str(counts["collect"]["documents_in"])],
        [f"dropped {sum(counts['clean']['dropped'].values())}"],
        dropped,
        [f"{counts['tokenize']['tokens']:,}"],
        ["loss", f"training {counts['pretrain']['loss']:.4f}"],
        ["perplexity", f"{counts['evaluate']['perplexity']:.2f}"],
        ["bits per byte", f"{counts['evaluate']['bits_per_byte']:.4f}"],
        [
            "fine-tuned (2 seeds)",
            f"{counts['finetune']['pretrained_accuracy']:.4f}",
            "random weights",
            "majority class",
        ],
        ["exported", "runs/small/export/hf"],
        ["report.html"],
    ):
        for part in fact:
            assert part in summary, f"{part!r} is not in\n{summary}"


def test_weights_and_biases_stay_offline_inside_the_workdir(finished: Any) -> None:
    assert len(list(finished.workdir.glob("wandb/**/offline-run-*/*.wandb"))) == 1


def test_nothing_is_written_to_the_home_but_what_ray_and_torch_keep_there(finished: Any, line: Any) -> None:
    # Not by Path.rglob: folders of other processes may go while we look.
    written = {
        (Path(folder) / name).relative_to(line.home).as_posix()
        for folder, _, names in os.walk(line.home)
        for name in names
    }
    strange = {path for path in written if not path.startswith((".ray/", ".cache/torch", ".triton/"))}
    assert strange == set()


def test_a_second_run_reuses_every_stage_and_starts_no_ray(
    finished: Any, line: Any, tools: Any, tmp_path: Path
) -> None:
    workdir = tmp_path / "work"
    shutil.copytree(finished.workdir, workdir, symlinks=True)
    before = len(tools.read_events(workdir))
    # With this address a run that joined Ray would fail.
    line.succeed("run", "recipe.yaml", "--workdir", workdir, "--address", "127.0.0.1:1")
    events = [event for event in tools.read_events(workdir)[before:] if event["event"] != "alarm"]
    assert [event["event"] for event in events] == ["run_started", *["stage_reused"] * 9, "run_finished"]
    assert [event["stage"] for event in events[1:-1]] == list(tools.STAGES)
    assert events[-1]["time"] - events[0]["time"] < 10


def test_plan_reuses_everything(finished: Any, line: Any, tools: Any) -> None:
    plan = json.loads(line.succeed("plan", "recipe.yaml", "--workdir", finished.workdir, "--json"))
    assert {stage["stage"]: stage["action"] for stage in plan["stages"]} == dict.fromkeys(tools.STAGES, "reuse")


@pytest.mark.parametrize(
    ("override", "depends"),
    [
        ("pretrain.training.steps=50", ["evaluate", "finetune", "export"]),
        ("finetune.epochs=1", ["export"]),
        ("tokenize.test=0.2", ["pretrain", "evaluate", "finetune", "export"]),
    ],
)
def test_a_change_rebuilds_what_it_touches_and_says_why(
    finished: Any, line: Any, tools: Any, override: str, depends: list[str]
) -> None:
    plan = json.loads(line.succeed("plan", "recipe.yaml", override, "--workdir", finished.workdir, "--json"))
    [changed] = [stage for stage in plan["stages"] if stage["action"] == "build"]
    field, _, value = override.partition("=")
    assert field.startswith(changed["stage"]) and field in changed["reason"] and value in changed["reason"]
    reasons = {stage["stage"]: stage["reason"] for stage in plan["stages"] if stage["action"] == "depends"}
    assert list(reasons) == depends
    assert changed["stage"] in reasons[depends[0]]


def test_a_damaged_artifact_is_refused_not_used(line: Any, tmp_path: Path, finished: Any) -> None:
    shutil.copytree(finished.workdir, tmp_path / "work", symlinks=True)
    victim = next((tmp_path / "work" / "runs" / "small" / "tokenize").resolve().rglob("*.bin"))
    content = bytearray(victim.read_bytes())
    content[-1] ^= 1
    victim.write_bytes(content)
    assert victim.name in line.refuse("plan", "recipe.yaml", "--workdir", tmp_path / "work", "--verify")
    victim.write_bytes(content[:-2])
    assert victim.name in line.refuse("run", "recipe.yaml", "--workdir", tmp_path / "work")
