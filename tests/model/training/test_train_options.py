"""What a recipe can choose, on real ranks: batch shapes, padding, optimizers, offload, data types, spikes, other beginnings."""

import json
import math
import shutil
from pathlib import Path

import pytest
import torch

from model.formats.checkpoint import read_checkpoint, write_description
from model.formats.convert_hf import write_weights
from model.formats.hf_config import hf_config
from model.formats.tensors import read_weights
from model.network.config import ModelConfig
from model.training.origin import origin_identity, origin_model
from tests.model.ranks import (
    HUGE,
    LLAMA,
    NAN,
    SPIKES,
    TRAIN,
    assert_fourth_step_left_out,
    assert_same_state,
    equal,
    events,
    interrupted_jobs,
    job,
    launch,
    losses,
    records,
    result,
    state,
)

LONG = {"steps": 20, "global_batch": 32, "validate_every": 0}
TIED = {**LLAMA, "tied_embeddings": True, "dropout": 0.1}
RAMP = {"batch_ramp": {"start": 4, "increment": 4, "samples": 30}, "micro_batch": 2}
SHAPES = {"": {}, "-padded": {"padded": True}}
# Settings under which a step may be left out, and by whom: the engine's wrapper, the ZeRO optimizer, DeepSpeed's for bfloat16.
ENGINES = {
    "zero0": {"zero_stage": 0},
    "zero1": {"zero_stage": 1},
    "zero2": {"zero_stage": 2},
    "zero3": {"zero_stage": 3},
    "bfloat16-zero1": {"zero_stage": 1, "dtype": "bfloat16"},
    "bfloat16-zero2": {"zero_stage": 2, "dtype": "bfloat16"},
    "bfloat16-zero3": {"zero_stage": 3, "dtype": "bfloat16"},
    "muon": {"zero_stage": 2, "optimizer": "muon"},
    "muon-bfloat16": {"zero_stage": 1, "optimizer": "muon", "dtype": "bfloat16"},
    "ramp": RAMP,
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All runs of this file, by folder name."""
    root = tmp_path_factory.mktemp("options")
    four = [job(root / f"4x8{kind}", LLAMA, also, ranks=4, micro_batch=8, **LONG) for kind, also in SHAPES.items()]
    launch(four, ranks=4, path=root / "four.json")

    first = [job(root / f"long-zero{stage}", LLAMA, zero_stage=stage, micro_batch=None, **LONG) for stage in range(4)]
    for name, fields in ENGINES.items():
        first += interrupted_jobs(root, name, fields)
    rewind = {"checkpoint_every": 2, "keep_checkpoints": 4, "spikes": SPIKES}
    first.append(job(root / "rewound", LLAMA, {"poison": {"3": NAN, "4": HUGE}}, **rewind))
    forever = {"poison": dict.fromkeys("3456789", NAN), "fails": True}
    first.append(job(root / "ruined", LLAMA, forever, **rewind))
    early = {"poison": {"1": NAN, "2": NAN}, "fails": True}
    first.append(job(root / "ruined-early", LLAMA, early, **rewind))
    first.append(job(root / "half-float", LLAMA, zero_stage=2, dtype="float16", loss_scale={"initial_power": 20}))
    scale = {"zero_stage": 1, "dtype": "float16", "loss_scale": {"initial_power": 30, "hysteresis": 1}, "steps": 12}
    first.append(job(root / "overflow", LLAMA, **scale))
    first.append(job(root / "overflow-stopped", LLAMA, {"stop_after": 7}, **scale))
    floor = scale | {"loss_scale": {"initial_power": 30, "minimum": 2**30, "hysteresis": 1}}
    first.append(job(root / "overflow-floor", LLAMA, {"fails": True}, **floor))
    fixed = scale | {"loss_scale": {"fixed": 2.0**30}, "spikes": SPIKES}
    first.append(job(root / "overflow-fixed", LLAMA, {"fails": True}, **fixed))
    first.append(job(root / "checkpointing", TIED, activation_checkpointing=2))
    first.append(job(root / "no-checkpointing", TIED))
    first.append(job(root / "documents", LLAMA, mask_documents=True))
    first.append(job(root / "prompts", TIED, prompts=["a", "bc"], sample_tokens=4))
    first.append(job(root / "prompts-zero3", TIED, prompts=["a", "bc"], sample_tokens=4, zero_stage=3))
    launch(first, ranks=2, path=root / "first.json")

    parent = root / "zero2" / "step-00000006"
    longer = {"steps": 10, "schedule": "constant"}
    again = [job(root / f"stopped-{name}", LLAMA, **fields) for name, fields in ENGINES.items()]
    again.append(job(root / "overflow-stopped", LLAMA, **scale))
    shutil.copytree(root / "rewound" / "step-00000002", root / "by-hand" / "step-00000002")
    info = read_checkpoint(root / "by-hand" / "step-00000002")
    moved = info.progress.model_copy(update={"cursor": 64})
    write_description(info.model_copy(update={"progress": moved}))
    again.append(job(root / "by-hand", LLAMA))
    again.append(job(root / "continued", LLAMA, {"origin": [str(parent), "continue"]}, **longer))
    again.append(job(root / "new-data", LLAMA, {"origin": [str(parent), "continue"], "order": "other"}, **longer))
    again.append(job(root / "weights", LLAMA, {"origin": [str(parent), "weights"]}))
    again.append(job(root / "too-short", LLAMA, {"origin": [str(parent), "continue"], "fails": True}))
    other = {**LLAMA, "d_ff": 64}
    again.append(job(root / "other-model", other, {"origin": [str(parent), "weights"], "fails": True}))
    again.append(job(root / "other-optimizer", LLAMA, {"origin": [str(parent), "continue"], "fails": True},
                     optimizer="muon", **longer))  # fmt: skip
    theirs = root / "hugging-face"
    hf_config(ModelConfig(vocab_size=61, **LLAMA), 0, 0, 1, "float32").save_pretrained(theirs)
    write_weights(theirs, read_weights(parent), ModelConfig(vocab_size=61, **LLAMA), torch.float32, 10**9)
    again.append(job(root / "from-theirs", LLAMA, {"origin": [str(theirs), "weights"]}))
    again.append(job(root / "no-state", LLAMA, {"origin": [str(theirs), "continue"], "fails": True}, **longer))
    shutil.copytree(parent, root / "extended" / "step-00000006")
    again.append(job(root / "extended", LLAMA, **longer))
    launch(again, ranks=2, path=root / "again.json")

    alone = []
    for kind, also in SHAPES.items():
        alone.append(job(root / f"1x32{kind}", LLAMA, also, ranks=1, micro_batch=32, **LONG))
        alone.append(job(root / f"32x1{kind}", LLAMA, also, ranks=1, micro_batch=1, **LONG))
    alone.append(job(root / "muon-alone", LLAMA, ranks=1, zero_stage=1, optimizer="muon"))
    alone.append(job(root / "ramp-alone", LLAMA, ranks=1, **RAMP))
    launch(alone, ranks=1, path=root / "alone.json")
    return root


def all_losses(folder: Path) -> list[float]:
    return list(losses(folder).values())


@pytest.mark.parametrize("kind", SHAPES)
def test_the_loss_is_the_mean_over_tokens_whatever_the_cut(root: Path, kind: str) -> None:
    expected = losses(root / f"1x32{kind}")
    assert len(expected) == 20
    for cut in ("32x1", "4x8"):
        assert losses(root / f"{cut}{kind}") == pytest.approx(expected, rel=1e-6)
        assert records(root / f"{cut}{kind}")[-3]["tokens"] == records(root / f"1x32{kind}")[-3]["tokens"]


def test_padding_is_not_trained_on(root: Path) -> None:
    step = next(record for record in records(root / "1x32-padded") if "loss" in record)
    assert step["tokens"] == sum((n * 5) % 8 * 16 // 8 for n in range(32))
    assert step["loss"] != pytest.approx(losses(root / "1x32")[1], rel=1e-3)


def test_zero_stages_agree_over_20_steps(root: Path) -> None:
    expected = losses(root / "long-zero0")
    assert len(expected) == 20
    for stage in (1, 2, 3):
        assert losses(root / f"long-zero{stage}") == pytest.approx(expected, rel=1e-6)
    assert expected == pytest.approx(losses(root / "1x32"), rel=1e-6)


@pytest.mark.parametrize("name", ENGINES)
def test_a_resume_is_exact_with_every_engine(root: Path, name: str) -> None:
    assert result(root / f"stopped-{name}")["resumed_from"] == 3
    assert_same_state(root / name, root / f"stopped-{name}")


@pytest.mark.parametrize("kind", ["huge", "nan"])
@pytest.mark.parametrize("name", ENGINES)
def test_a_step_that_is_left_out_changes_nothing(root: Path, name: str, kind: str) -> None:
    assert_fourth_step_left_out(root / f"{kind}-{name}")


def test_the_run_goes_back_and_leaves_the_data_out(root: Path) -> None:
    folder = root / "rewound"
    assert [event["decision"] for event in events(folder, "spike")] == ["skip", "rewind"]
    [rewound] = events(folder, "rewound")
    assert rewound["step"] == 2 and rewound["samples"] == [32, 64]
    info = read_checkpoint(folder / "step-00000006")
    assert info.progress.skipped == [(32, 64)] and info.progress.cursor == 64 + 4 * 16
    assert info.progress.guard.rewinds == 1 and info.progress.guard.skipped == 2
    assert info.progress.tokens == 6 * 16 * 16
    after = [r["loss"] for r in records(folder) if "loss" in r and "event" not in r][2:]
    assert after[-4:] == all_losses(root / "by-hand")
    assert equal(state(info.folder), state(root / "by-hand" / "step-00000006"))


def test_a_ruined_run_stops_with_an_account(root: Path) -> None:
    error = result(root / "ruined")["error"]
    assert "FloatingPointError: step 4: loss nan" in error and "2 times in a row" in error
    assert "after going back 1 times (4 steps were left out in all); lower learning_rate" in error
    assert "after going back 0 times" in result(root / "ruined-early")["error"]


def test_float16_trains(root: Path) -> None:
    assert all_losses(root / "half-float") == pytest.approx(all_losses(root / "zero2"), rel=2e-2)


def test_overflows_lower_the_loss_scale_and_are_no_spikes(root: Path) -> None:
    overflows = events(root / "overflow", "overflow")
    assert len(overflows) >= 4 and not events(root / "overflow", "spike")
    info = read_checkpoint(root / "overflow" / "step-00000012")
    assert info.optimizer_steps == 12 - len(overflows)
    assert info.loss_scale["cur_scale"] == 2.0 ** (30 - len(overflows))
    assert_same_state(root / "overflow", root / "overflow-stopped")
    assert read_checkpoint(root / "overflow-stopped" / "step-00000012").loss_scale == info.loss_scale


def test_overflows_that_no_loss_scale_mends_end_the_run(root: Path) -> None:
    assert "even at loss_scale.minimum (1.07374e+09); choose dtype bfloat16" in result(root / "overflow-floor")["error"]
    assert "gradient norm inf were out of line 2 times in a row" in result(root / "overflow-fixed")["error"]


def test_muon_agrees_over_ranks_and_stages(root: Path) -> None:
    assert losses(root / "muon") == pytest.approx(losses(root / "muon-alone"), rel=1e-3)
    assert all_losses(root / "muon")[-1] < all_losses(root / "muon")[0] - 0.3
    moments = {name.rsplit(".", 1)[1] for name in state(root / "muon" / "step-00000006", ("optimizer",))}
    assert moments == {"exp_avg", "exp_avg_sq", "momentum_buffer"}


def test_the_batch_grows(root: Path) -> None:
    sizes = [record["global_batch"] for record in records(root / "ramp") if "loss" in record]
    assert sizes == [4, 4, 4, 8, 12, 16]  # rises at cursor 10, 20 and 30
    assert read_checkpoint(root / "ramp" / "step-00000006").progress.cursor == sum(sizes)
    assert losses(root / "ramp") == pytest.approx(losses(root / "ramp-alone"), rel=1e-6)


def test_activation_checkpointing_changes_no_number(root: Path) -> None:
    assert equal(state(root / "checkpointing" / "step-00000006"), state(root / "no-checkpointing" / "step-00000006"))


def test_document_masks_are_at_work(root: Path) -> None:
    assert losses(root / "documents") == pytest.approx(losses(root / "zero2"), rel=0.2)
    assert losses(root / "documents")[6] != pytest.approx(losses(root / "zero2")[6], rel=1e-4)


def test_sample_texts(root: Path) -> None:
    samples = events(root / "prompts", "sample")
    assert [(event["step"], event["prompt"]) for event in samples[:3]] == [(2, "a"), (2, "bc"), (4, "a")]
    assert all(len(json.loads(event["text"])) == 4 for event in samples)
    assert [event["text"] for event in events(root / "prompts-zero3", "sample")] == [e["text"] for e in samples]
    assert equal(state(root / "prompts" / "step-00000006"), state(root / "no-checkpointing" / "step-00000006"))


def test_validation_in_bits_per_byte(root: Path) -> None:
    record = next(record for record in records(root / "zero2") if "validation" in record)
    assert record["bits_per_byte"] == {"even": pytest.approx(record["validation"]["even"] / math.log(2) / 4)}


def test_a_run_continued_elsewhere_is_the_run_extended(root: Path) -> None:
    assert_same_state(root / "continued", root / "extended")
    info = read_checkpoint(root / "continued" / "step-00000010")
    assert info.progress.parent is not None and (info.progress.parent["mode"], info.progress.parent["step"]) == (
        "continue",
        6,
    )
    assert len(info.progress.parent["identity"]) == 64 and info.progress.cursor == 160
    assert read_checkpoint(root / "extended" / "step-00000010").progress.parent is None
    assert result(root / "continued")["resumed_from"] is None


def test_new_data_begins_at_its_first_sample(root: Path) -> None:
    info = read_checkpoint(root / "new-data" / "step-00000010")
    assert (info.progress.step, info.progress.cursor, info.optimizer_steps, info.progress.tokens) == (
        10,
        64,
        10,
        10 * 16 * 16,
    )
    assert min(losses(root / "new-data")) == 7


def test_from_weights_alone(root: Path) -> None:
    info = read_checkpoint(root / "weights" / "step-00000006")
    assert (info.progress.step, info.progress.cursor, info.optimizer_steps) == (6, 96, 6)
    assert info.progress.parent is not None and info.progress.parent["mode"] == "weights"
    assert losses(root / "weights")[1] < losses(root / "zero2")[6]


def test_from_the_weights_of_a_hugging_face_folder(root: Path) -> None:
    assert losses(root / "from-theirs") == losses(root / "weights")
    info = read_checkpoint(root / "from-theirs" / "step-00000006")
    assert info.progress.parent == {"identity": origin_identity(root / "hugging-face"), "mode": "weights"}
    assert origin_identity(root / "hugging-face") != origin_identity(root / "zero2" / "step-00000006")
    assert "has no state of an optimizer to continue with; use init: weights" in result(root / "no-state")["error"]
    assert (
        origin_model(root / "hugging-face").feed_forward_dim
        == origin_model(root / "zero2" / "step-00000006").feed_forward_dim
    )


def test_origins_that_do_not_fit_are_refused(root: Path) -> None:
    assert "has done 6 steps; to continue it, steps (6) must be more" in result(root / "too-short")["error"]
    assert "has d_ff: 128; set model to the same" in result(root / "other-model")["error"]
    assert "was trained with adamw; choose it as optimizer" in result(root / "other-optimizer")["error"]


def test_records_say_where_time_goes(root: Path) -> None:
    steps = [record for record in records(root / "zero2") if "loss" in record]
    for record in steps:
        assert {"data", "forward", "backward", "optimizer"} <= record["time"].keys()
        assert 0.5 < sum(record["time"].values()) <= 1.0 and record["memory_gb"] > 0.05
        assert "mfu" not in record  # a CPU has no peak
    assert "validation" in steps[2]["time"] and "validation" not in steps[1]["time"]


def test_weights_are_finite(root: Path) -> None:
    assert TRAIN["steps"] == 6
    for name in ENGINES:
        weights = read_weights(root / name / "step-00000006")
        assert all(torch.isfinite(weight).all() for weight in weights.values()), name
