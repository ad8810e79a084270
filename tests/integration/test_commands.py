"""What users do with the outcome of a run: the commands beside `run`, and how they answer mistakes."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

SETTINGS = ("epochs=1", "seeds=[0]", "max_length=16")


@pytest.fixture(scope="module")
def folders(finished: Any) -> dict[str, str]:
    """The three ways to name a checkpoint."""
    return {
        "run": "small",
        "checkpoint": str(next((finished.view / "pretrain" / "checkpoints").glob("step-*"))),
        "export": str(finished.view / "export" / "hf"),
    }


def test_generate_gives_the_same_text_for_all_names_of_a_checkpoint(
    line: Any, finished: Any, folders: dict[str, str]
) -> None:
    how = ("--prompt", "The Union", "--max-new-tokens", 6, "--temperature", 0, "--workdir", finished.workdir)
    texts = line.all_succeed({name: ("generate", folder, *how) for name, folder in folders.items()})
    assert len(set(texts.values())) == 1, texts
    assert texts["run"].startswith("The Union")
    assert len(texts["run"]) > len("The Union\n")


def test_evaluate_scores_text_and_task(line: Any, finished: Any, folders: dict[str, str]) -> None:
    what = ("--data", "sotu-0.jsonl", "--task", "cloze.jsonl", "--json", "--workdir", finished.workdir)
    printed = line.all_succeed({name: ("evaluate", folders[name], *what) for name in ("run", "export")})
    scores = {name: json.loads(text) for name, text in printed.items()}
    assert scores["run"]["documents"] == 3
    assert 1 < scores["run"]["perplexity"] < 512
    assert 0 < scores["run"]["bits_per_byte"] < 8
    assert scores["run"]["task"]["items"] == 6
    assert scores["export"]["perplexity"] == pytest.approx(scores["run"]["perplexity"], rel=1e-4)


def test_finetune_takes_all_names_of_a_checkpoint(
    line: Any, finished: Any, folders: dict[str, str], tmp_path: Path
) -> None:
    how = ("--data", "spam.jsonl", "--workdir", finished.workdir, "--json", *SETTINGS)
    printed = line.all_succeed(
        {name: ("finetune", folder, "--out", tmp_path / name, *how) for name, folder in folders.items()}
    )
    for name, text in printed.items():
        scores, out = json.loads(text), tmp_path / name
        assert scores.keys() >= {"pretrained", "random_weights", "majority_class"}
        assert scores["majority_class"]["accuracy"] >= 0.5
        assert (
            0 <= scores["pretrained"]["macro_f1"]["mean"] <= 1 and len(scores["pretrained"]["macro_f1"]["seeds"]) == 1
        )
        assert (out / "tokenizer.json").is_file()
        assert list(out.glob("*.safetensors"))
        assert not list(out.rglob("*.bin")) + list(out.rglob("*.pt"))
    texts = ("--text", "Win a prize", "--text", "See you")
    labels = line.succeed("predict", tmp_path / "run", *texts).split()
    assert len(labels) == 2 and set(labels) <= {"ham", "spam"}
    found = json.loads(line.succeed("predict", tmp_path / "run", *texts, "--json"))
    assert found == [{"text": "Win a prize", "label": labels[0]}, {"text": "See you", "label": labels[1]}]


def test_export_of_an_export_has_the_same_weights(
    line: Any, finished: Any, folders: dict[str, str], tmp_path: Path
) -> None:
    line.all_succeed(
        {
            name: ("export", folders[name], "--to", tmp_path / name, "--workdir", finished.workdir)
            for name in ("checkpoint", "export")
        }
    )
    first = (finished.view / "export" / "hf" / "model.safetensors").read_bytes()
    assert [(tmp_path / name / "model.safetensors").read_bytes() == first for name in ("checkpoint", "export")] == [
        True,
        True,
    ]


def test_inspect_shows_funnel_and_records(line: Any, finished: Any, tools: Any) -> None:
    counts = tools.read_manifests(finished.workdir)["clean"]["counts"]
    funnel = line.succeed("inspect", "small", "--workdir", finished.workdir)
    assert str(counts["documents_in"]) in funnel
    assert all(rule in funnel for rule in counts["dropped"])
    shown = line.succeed(
        "inspect", "small", "--stage", "clean", "--show", "documents", "-n", 1, "--workdir", finished.workdir
    )
    assert "Fellow-Citizens" in shown


def test_status_says_where_runs_stand(line: Any, finished: Any, tools: Any) -> None:
    status = json.loads(line.succeed("status", "small", "--json", "--workdir", finished.workdir))
    assert status["state"] == "finished"
    assert list(status["stages"]) == list(tools.STAGES)
    assert {facts["state"] for facts in status["stages"].values()} <= {"finished", "reused"}
    assert "finished" in line.succeed("status", "--workdir", finished.workdir)
    everything = json.loads(line.succeed("status", "--json", "--workdir", finished.workdir))
    assert [run["run"] for run in everything] == ["small"]


def test_prune_frees_only_what_no_run_refers_to(line: Any, finished: Any, tools: Any, tmp_path: Path) -> None:
    workdir = tmp_path / "work"
    shutil.copytree(finished.workdir, workdir, symlinks=True)
    assert "Nothing to free" in line.succeed("prune", "--yes", "--workdir", workdir)
    vocabulary = (workdir / "runs" / "small" / "vocab").resolve()
    orphan = vocabulary.with_name("0" * 32)
    shutil.copytree(vocabulary, orphan)
    line.succeed("prune", "--yes", "--workdir", workdir)
    assert not orphan.exists()
    assert tuple(tools.read_manifests(workdir)) == tools.STAGES
    shutil.rmtree(workdir / "runs" / "small")
    line.succeed("prune", "--yes", "--workdir", workdir)
    assert not list((workdir / "store").glob("*/*/manifest.json"))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("run", "absent.yaml"), "absent.yaml"),
        (("run", "recipe.yaml", "pretrain.training.stepz=3"), "did you mean steps?"),
        (("run", "recipe.yaml", "collect.sources.0.path=nothing-*.jsonl"), "nothing-*.jsonl"),
        (("run", "recipe.yaml", "pretrain.training.global_batch=7"), "global_batch"),
        (("run", "recipe.yaml", "--until", "bake"), "bake"),
        (("status", "nobody"), "nobody"),
        (("generate", "nobody"), "nobody"),
        (("evaluate", "small", "--data", "absent.jsonl"), "absent.jsonl"),
        (("finetune", "small", "--data", "absent.jsonl"), "absent.jsonl"),
        (("finetune", "small", "--data", "spam.jsonl", "epoch=1"), "epoch"),
        (("finetune", "small", "--data", "spam.jsonl", "text_field=body"), "body"),
        (("finetune", "small", "--data", "spam.jsonl", "--out", "."), "exists already"),
        (("export", "small", "--to", "."), "exists already"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(
    line: Any, finished: Any, tmp_path: Path, arguments: tuple[str, ...], named: str
) -> None:
    workdir = tmp_path if arguments[0] == "run" else finished.workdir
    assert named in line.refuse(*arguments, "--workdir", workdir)
