"""What `plan` says that a pretraining will take, against what is counted by hand."""

from typing import Any

import pytest

from model.training import loss
from pipeline.recipe.recipe import PretrainConfig
from pipeline.runs.cost import LOGITS_BYTES, pretraining

# By hand: embedding 1000 x 64; a block has 4 x 64 x 64 and 3 x 64 x 192 in matrices and 2 x 64 gains; a last norm of 64.
MATRICES, COUNT = 2 * (4 * 64 * 64 + 3 * 64 * 192), 1000 * 64 + 2 * (4 * 64 * 64 + 3 * 64 * 192 + 128) + 64
MODEL = {"d_model": 64, "n_layers": 2, "n_heads": 4, "vocab_size": 1000, "tied_embeddings": True, "d_ff": 192}
TRAINING = {"steps": 10, "warmup_steps": 0, "sequence_length": 128, "global_batch": 16, "ranks": 4, "micro_batch": 2}


def cost(model: dict[str, Any] | None = None, **training: Any) -> dict[str, Any]:
    config = {"model": {**MODEL, **(model or {})}, "training": {**TRAINING, **training}}
    return pretraining(PretrainConfig.model_validate(config), vocabulary=500)


def test_tokens_and_flops() -> None:
    found = cost()
    assert (found["parameters"], found["tokens"]) == (COUNT, 10 * 16 * 128)
    assert found["flops"] == (6 * COUNT + 12 * 2 * 64 * 128) * found["tokens"]
    assert found["tokens_per_parameter"] == pytest.approx(20480 / COUNT)
    assert cost({"vocab_size": 0})["parameters"] == COUNT - 500 * 64


@pytest.mark.parametrize(
    ("training", "gpu", "host"),
    [
        ({"zero_stage": 0}, 20, None),
        ({"zero_stage": 1}, 12 / 4 + 4 + 4, None),
        ({"zero_stage": 2, "dtype": "bfloat16"}, 12 / 4 + 2 / 4 + 2, None),
        ({"zero_stage": 3, "dtype": "bfloat16"}, 16 / 4, None),
        ({"zero_stage": 2, "dtype": "bfloat16", "offload_optimizer": True}, 2, 14 / 4),
        ({"zero_stage": 3, "dtype": "bfloat16", "offload_optimizer": True, "offload_parameters": True}, 0, 16 / 4),
    ],
)
def test_state_by_zero_stage_and_offload(training: dict[str, Any], gpu: float, host: float | None) -> None:
    found = cost(**training)
    assert found["state_bytes_per_rank"] == round(gpu * COUNT)
    assert found.get("offloaded_bytes_per_rank") == (None if host is None else round(host * COUNT))
    assert found["checkpoint_bytes"] == 12 * COUNT


def test_muon_keeps_one_moment_of_each_matrix() -> None:
    saved = cost()["checkpoint_bytes"] - cost(optimizer="muon", zero_stage=1)["checkpoint_bytes"]
    assert saved == pytest.approx(4 * MATRICES, rel=0.01)


def test_activations() -> None:
    tokens, logits = 2 * 128, 2 * 128 * 1000 * 8
    assert cost()["activation_bytes_per_rank"] == 17 * 2 * tokens * 64 * 4 + logits
    assert cost(activation_checkpointing=1)["activation_bytes_per_rank"] == (17 + 2) * tokens * 64 * 4 + logits
    assert cost(activation_checkpointing=2)["activation_bytes_per_rank"] == (2 * 17 + 1) * tokens * 64 * 4 + logits
    many = cost({"vocab_size": 3_000_000})["activation_bytes_per_rank"]
    assert many == 17 * 2 * tokens * 64 * 4 + 2 * LOGITS_BYTES and LOGITS_BYTES == loss.LOGITS_BYTES
