"""Training on two real DeepSpeed ranks with gloo (and on one): same losses, exact resume, torn checkpoints."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from model.formats.checkpoint import RankLayout, read_checkpoint
from model.formats.tensors import read_weights
from tests.model.ranks import LLAMA, assert_same_state, job, launch, losses, records, result

GPT2 = {
    "d_model": 32,
    "n_layers": 2,
    "n_heads": 4,
    "max_sequence_length": 16,
    "positions": "learned",
    "norm": "layernorm",
    "feed_forward": "gelu",
    "bias": True,
    "tied_embeddings": True,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All runs of this file, by folder name: two ranks, then damage and copies, then two ranks and one rank."""
    root = tmp_path_factory.mktemp("train")
    dropout = {**LLAMA, "dropout": 0.1}
    first = [job(root / f"zero{stage}", LLAMA, zero_stage=stage) for stage in range(4)]
    first += [job(root / f"bfloat16-zero{stage}", LLAMA, zero_stage=stage, dtype="bfloat16") for stage in (1, 2, 3)]
    first += [job(root / f"micro{size}", LLAMA, micro_batch=size, zero_stage=1) for size in (1, 8)]
    first.append(job(root / "straight", dropout))
    first.append(job(root / "stopped", dropout, {"stop_after": 3}))
    first.append(job(root / "tied-straight", GPT2, zero_stage=3))
    first.append(job(root / "tied-stopped", GPT2, {"stop_after": 3}, zero_stage=3))
    first.append(job(root / "torn", dropout, {"stop_after": 5}, checkpoint_every=2, keep_checkpoints=3))
    first.append(job(root / "half", LLAMA, {"stop_after": 3}))
    launch(first, ranks=2, path=root / "first.json")

    shutil.copytree(root / "zero2", root / "finished")
    shutil.copytree(root / "half", root / "half-to-one")
    shutil.copytree(root / "half", root / "half-to-zero3")
    (root / "half" / "step-00000099.tmp").mkdir()
    newest = root / "torn" / "step-00000005" / "weights-00001-of-00002.safetensors"
    newest.write_bytes(newest.read_bytes()[:-100])
    (root / "torn" / "step-00000004" / "optimizer-00000-of-00002.safetensors").unlink()

    again = [job(root / "stopped", dropout)]
    again.append(job(root / "tied-stopped", GPT2, zero_stage=3))
    again.append(job(root / "torn", dropout, checkpoint_every=2, keep_checkpoints=3))
    again.append(job(root / "half-to-zero3", LLAMA, zero_stage=3))
    again.append(job(root / "half", LLAMA))
    again.append(job(root / "finished", LLAMA))
    launch(again, ranks=2, path=root / "again.json")

    alone = [job(root / "half-to-one", LLAMA, ranks=1, micro_batch=16), job(root / "one", LLAMA, ranks=1)]
    launch(alone, ranks=1, path=root / "alone.json")
    return root


def test_accumulation_does_not_change_the_loss(root: Path) -> None:
    assert losses(root / "micro1") == pytest.approx(losses(root / "micro8"), rel=1e-6)
    assert losses(root / "micro1") == pytest.approx(losses(root / "zero0"), rel=1e-6)


def test_the_loss_falls(root: Path) -> None:
    trained = losses(root / "zero2")
    assert trained[6] < trained[1] - 0.3
    validation = [r["validation_loss"] for r in records(root / "zero2") if "validation" in r]
    assert validation[-1] < validation[0]


def test_records_say_what_was_done(root: Path) -> None:
    steps = [record for record in records(root / "zero2") if "loss" in record]
    assert [record["tokens"] for record in steps] == [16 * 16 * step for step in range(1, 7)]
    assert [record["learning_rate"] for record in steps][:2] == [5e-3, 1e-2]
    assert all(record["gradient_norm"] > 0 and record["tokens_per_second"] > 0 for record in steps)
    validated = [record for record in records(root / "zero2") if "validation" in record]
    assert [record["step"] for record in validated] == [2, 4, 6]
    by_source = validated[-1]["validation"]
    assert validated[-1]["validation_loss"] == pytest.approx((5 * by_source["even"] + 3 * by_source["odd"]) / 8)


def test_gradient_norms_agree_between_stages(root: Path) -> None:
    norms = [[r["gradient_norm"] for r in records(root / f"zero{stage}") if "loss" in r] for stage in range(4)]
    for stage in (1, 2, 3):
        assert norms[stage] == pytest.approx(norms[0], rel=1e-5)


def test_validation_loss_agrees_between_stages_and_ranks(root: Path) -> None:
    last = {name: result(root / name)["validation"] for name in ("zero0", "zero2", "zero3", "one")}
    for name in ("zero2", "zero3", "one"):
        assert last[name] == pytest.approx(last["zero0"], rel=1e-5)


def test_a_resume_with_dropout_is_exact(root: Path) -> None:
    straight, stopped = root / "straight", root / "stopped"
    assert result(stopped)["resumed_from"] == 3
    assert {step: loss for step, loss in losses(straight).items() if step > 3} == losses(stopped)
    assert_same_state(straight, stopped)


def test_dropout_was_at_work(root: Path) -> None:
    assert losses(root / "straight")[1] != pytest.approx(losses(root / "zero2")[1], rel=1e-4)


def test_bfloat16_is_near_float32(root: Path) -> None:
    for stage in (1, 2, 3):
        trained = losses(root / f"bfloat16-zero{stage}")
        assert trained == pytest.approx(losses(root / "zero0"), rel=2e-2)
        assert trained != losses(root / "zero0")


def test_stop_saves_and_says_so(root: Path) -> None:
    info = read_checkpoint(root / "half" / "step-00000003")
    assert (info.progress.step, info.progress.cursor, info.progress.tokens) == (3, 48, 768)
    assert info.layout == RankLayout(ranks=2, zero_stage=2, dtype="float32", micro_batch=4, threads=1)
    assert result(root / "half")["stopped"] is False and result(root / "half")["resumed_from"] == 3


def test_resume_on_another_layout_goes_on(root: Path) -> None:
    expected = {step: loss for step, loss in losses(root / "zero2").items() if step > 3}
    assert losses(root / "half") == expected
    assert losses(root / "half-to-zero3") == pytest.approx(expected, rel=1e-5)
    assert losses(root / "half-to-one") == pytest.approx(expected, rel=1e-5)
    message = next(r["message"] for r in records(root / "half-to-one") if r.get("event") == "resumed")
    assert "saved on 2 ranks, on 1" in message
    weights = read_weights(root / "half-to-one" / "step-00000006")
    for name, weight in read_weights(root / "zero2" / "step-00000006").items():
        torch.testing.assert_close(weights[name], weight, rtol=0, atol=2e-4)


def test_torn_checkpoints_are_passed_over_and_said(root: Path) -> None:
    passed_over = [r for r in records(root / "torn") if r.get("event") == "checkpoint_passed_over"]
    messages = [r["message"] for r in passed_over]
    assert len(messages) == 2 and {r["step"] for r in passed_over} == {2}
    assert "weights-00001-of-00002.safetensors" in messages[0] and "bytes" in messages[0]
    assert "optimizer-00000-of-00002.safetensors: missing" in messages[1]
    assert result(root / "torn")["resumed_from"] == 2
    assert_same_state(root / "torn", root / "straight")


def test_old_checkpoints_and_leftovers_go(root: Path) -> None:
    assert sorted(path.name for path in (root / "half").glob("step-*")) == ["step-00000003", "step-00000006"]
    kept = sorted(path.name for path in (root / "torn").glob("step-*") if path.suffix == "")
    assert kept == ["step-00000002", "step-00000004", "step-00000006"]


def test_ranks_import_no_compiler_that_they_do_not_use(root: Path) -> None:
    told = [
        json.loads((root / name / "records.json").read_text())["compiler"] for name in ("micro8", "finished", "one")
    ]
    assert told == [False] * 3


def test_a_finished_run_returns_at_once(root: Path) -> None:
    again = result(root / "finished")
    assert again["resumed_from"] == again["step"] == 6 and not again["stopped"]
    assert again == {**result(root / "zero2"), "resumed_from": 6}
    assert records(root / "finished") == []


def test_tied_embeddings_stay_tied(root: Path) -> None:
    assert_same_state(root / "tied-straight", root / "tied-stopped")
    weights = read_weights(root / "tied-stopped" / "step-00000006")
    assert "unembedding.weight" not in weights and "embedding.weight" in weights
