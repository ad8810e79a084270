import subprocess
import sys

import pytest
from pydantic import ValidationError

from model.config import ModelConfig, flops_per_token, parameters
from model.train_config import TrainConfig

GPT2_124M = ModelConfig(
    vocab_size=50257,
    max_sequence_length=1024,
    d_model=768,
    n_layers=12,
    n_heads=12,
    positions="learned",
    norm="layernorm",
    feed_forward="gelu",
    bias=True,
    tied_embeddings=True,
)


def test_parameters_of_published_models() -> None:
    assert parameters(GPT2_124M) == 124_439_808
    llama_3_8b = ModelConfig(
        vocab_size=128_256, max_sequence_length=8192, d_model=4096, n_layers=32, n_heads=32, n_kv_heads=8, d_ff=14_336
    )
    assert parameters(llama_3_8b) == 8_030_261_248
    llama_2_7b = ModelConfig(vocab_size=32_000, d_model=4096, n_layers=32, n_heads=32, d_ff=11_008)
    assert parameters(llama_2_7b) == 6_738_415_616
    assert (
        llama_2_7b.model_copy(update={"d_ff": None}).feed_forward_dim == 10_944
    )  # 8/3 of 4096, up to a multiple of 64


def test_flops_per_token_by_hand() -> None:
    # One layer, d = 4, vocabulary 10: query, key, value, output 4 * 16; feed-forward 2 * 4 * 16; norms 3 * 4; unembedding 40.
    config = ModelConfig(vocab_size=10, d_model=4, n_layers=1, n_heads=1, feed_forward="gelu", max_sequence_length=8)
    assert parameters(config) == 64 + 128 + 12 + 2 * 40
    assert flops_per_token(config, 8) == 6 * (64 + 128 + 12 + 40) + 12 * 1 * 4 * 8
    tied = config.model_copy(update={"tied_embeddings": True})
    assert flops_per_token(tied, 8) == flops_per_token(config, 8)
    # nanoGPT's N for GPT-2 leaves out the position table alone.
    assert flops_per_token(GPT2_124M, 1024) == 6 * (124_439_808 - 1024 * 768) + 12 * 12 * 768 * 1024


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"d_model": 100, "n_heads": 3}, r"d_model \(100\) must be a multiple of n_heads \(3\)"),
        ({"n_heads": 12, "n_kv_heads": 5}, r"n_heads \(12\) must be a multiple of n_kv_heads \(5\)"),
        ({"d_model": 6, "n_heads": 2}, "rope needs an even head width"),
        ({"dropout": 1.0}, "less than 1"),
        ({"layers": 3}, "Extra inputs are not permitted"),
    ],
)
def test_bad_models_are_refused(fields: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelConfig(**fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"global_batch": 9, "ranks": 2}, r"global_batch \(9\) must be a multiple of ranks \(2\)"),
        ({"global_batch": 16, "ranks": 2, "micro_batch": 3}, r"multiple of ranks \* micro_batch \(2 \* 3\)"),
        ({"steps": 10, "warmup_steps": 11}, r"warmup_steps \(11\) must not exceed steps \(10\)"),
        ({"dtype": "bfloat16", "zero_stage": 0}, "choose zero_stage 1, 2 or 3"),
        ({"zero_stage": 4}, "less than or equal to 3"),
    ],
)
def test_bad_training_is_refused(fields: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrainConfig(**fields)


def test_batches_are_cut_over_ranks_and_micro_batches() -> None:
    config = TrainConfig(global_batch=24, ranks=2, micro_batch=4)
    assert (config.rank_batch, config.rank_micro_batch, config.accumulation) == (12, 4, 3)
    whole = TrainConfig(global_batch=24, ranks=2)
    assert (whole.rank_micro_batch, whole.accumulation) == (12, 1)


def test_what_a_field_affects_is_marked() -> None:
    marks = {name: field.metadata for name, field in TrainConfig.model_fields.items()}
    assert {name for name, marked in marks.items() if "speed" in marked} == {
        "micro_batch", "ranks", "zero_stage", "threads", "checkpoint_every", "keep_checkpoints", "max_failures",
    }  # fmt: skip
    assert {name for name, marked in marks.items() if "display" in marked} == {
        "validate_every", "log_every",
    }  # fmt: skip


def test_config_modules_are_light() -> None:
    code = "import sys, model.config, model.train_config, model.schedule; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
