import subprocess
import sys

import pytest
from pydantic import ValidationError
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from model.network.config import ModelConfig, flops_per_token, parameters
from model.training.train_config import TrainConfig
from tests.model.networks import VARIANTS, build, some_tokens

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


def test_parameters_of_other_families() -> None:
    gemma_2_2b = ModelConfig(
        vocab_size=256_000, d_model=2304, n_layers=26, n_heads=8, n_kv_heads=4, head_dim=256, d_ff=9216,
        norm_position="both", feed_forward="geglu", tied_embeddings=True,
    )  # fmt: skip
    assert parameters(gemma_2_2b) == 2_614_341_888
    qwen3_0_6b = ModelConfig(
        vocab_size=151_936, d_model=1024, n_layers=28, n_heads=16, n_kv_heads=8, head_dim=128, d_ff=3072,
        qk_norm=True, tied_embeddings=True,
    )  # fmt: skip
    assert parameters(qwen3_0_6b) == 596_049_920


def test_parameters_by_hand_of_what_changes_them() -> None:
    """d = 4, vocabulary 10, one head, feed-forward 16: attention 4 * 16, feed-forward 2 * 64, norms 3 * 4, tables 80."""
    base = {"vocab_size": 10, "d_model": 4, "n_layers": 1, "n_heads": 1, "max_sequence_length": 8, "d_ff": 16}
    count = lambda **fields: parameters(ModelConfig(**{**base, "feed_forward": "relu", **fields}))  # noqa: E731
    assert count() == 64 + 128 + 12 + 80
    assert count(feed_forward="geglu") == count() + 64
    assert count(norm_position="both") == count() + 8
    assert count(norm_position="after") == count() - 4
    assert count(qk_norm=True) == count() + 8
    assert count(head_dim=6) == count() + 4 * 4 * 2
    assert count(n_heads=2, n_kv_heads=1) == count() - 2 * 4 * 2
    assert count(tied_embeddings=True) == count() - 40
    assert count(positions="learned") == count() + 8 * 4
    assert count(bias=True) == count() + 4 * 4 + 16 + 4
    assert count(bias=True, norm="layernorm", qk_norm=True) == count(bias=True) + 3 * 4 + 2 * 8


@pytest.mark.parametrize("fields", VARIANTS.values(), ids=VARIANTS)
def test_flops_are_those_that_torch_counts(fields: dict) -> None:
    """Of matrix products, which is all that torch counts: 6 N has the gains and biases beside them."""
    network, length = build(**fields), 4
    vectors = sum(p.numel() for p in network.parameters() if p.ndim == 1)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counted:
        network(some_tokens(length)).sum().backward()
    assert counted.get_total_flops() == 2 * length * (flops_per_token(network.config, length) - 6 * vectors)


def test_local_layers_are_cheaper() -> None:
    whole = ModelConfig(vocab_size=10, d_model=8, n_heads=2, n_layers=5)
    local = whole.model_copy(update={"sliding_window": 16, "attention_pattern": ("local", "global")})
    assert local.windows == (16, None, 16, None, 16)
    assert flops_per_token(whole, 100) - flops_per_token(local, 100) == 12 * 8 * 3 * (100 - 16)
    assert flops_per_token(whole, 12) == flops_per_token(local, 12)
    assert whole.model_copy(update={"sliding_window": 16}).windows == (16,) * 5


def test_dropout_at_each_place() -> None:
    assert ModelConfig(dropout=0.1).dropouts == (0.1, 0.1, 0.1)
    assert ModelConfig(dropout=0.1, attention_dropout=0.0, residual_dropout=0.3).dropouts == (0.1, 0.0, 0.3)


YARN = {"type": "yarn", "factor": 4.0, "original_sequence_length": 64}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"d_model": 100, "n_heads": 3}, r"d_model \(100\) must be a multiple of n_heads \(3\)"),
        ({"n_heads": 12, "n_kv_heads": 5}, r"n_heads \(12\) must be a multiple of n_kv_heads \(5\)"),
        ({"d_model": 6, "n_heads": 2}, "rope needs an even head width"),
        ({"head_dim": 5}, r"rope needs an even head width, but head_dim .* is 5"),
        ({"positions": "sinusoidal", "d_model": 9, "n_heads": 3}, "sinusoidal needs an even d_model, not 9"),
        ({"rope_scaling": {**YARN, "beta_slow": 32}}, "beta_slow must be smaller than beta_fast"),
        ({"rope_scaling": {**YARN, "type": "llama3", "low_freq_factor": 4}}, "must be smaller than high_freq_factor"),
        ({"attention_pattern": ["local", "global"]}, "sliding_window must say how far they see"),
        ({"attention_pattern": ["global"], "sliding_window": 8}, "has no local layer: leave sliding_window out"),
        ({"attention_pattern": []}, "at least 1 item"),
        ({"positions": "xpos"}, "'rope', 'learned', 'sinusoidal', 'alibi' or 'none'"),
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


@pytest.mark.parametrize("fields", VARIANTS.values(), ids=VARIANTS)
def test_a_config_comes_back_from_json(fields: dict) -> None:
    config = build(**fields).config
    assert ModelConfig.model_validate_json(config.model_dump_json()) == config
    assert ModelConfig.model_validate(config.model_dump(mode="json")) == config


def test_what_a_field_affects_is_marked() -> None:
    marks = {name: field.metadata for name, field in TrainConfig.model_fields.items()}
    assert {name for name, marked in marks.items() if "speed" in marked} == {
        "micro_batch", "ranks", "zero_stage", "offload_optimizer", "offload_parameters", "bucket_size",
        "overlap_communication", "activation_checkpointing", "compile", "threads", "checkpoint_every", "keep_checkpoints",
        "max_failures",
    }  # fmt: skip
    assert {name for name, marked in marks.items() if "display" in marked} == {
        "validate_every", "prompts", "sample_tokens", "log_every",
    }  # fmt: skip


def test_config_modules_are_light() -> None:
    light = "model.network.config, model.training.train_config, model.training.schedule"
    code = f"import sys, {light}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
