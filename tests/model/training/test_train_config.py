import pytest

from model.training.train_config import TrainConfig


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"optimizer": "muon", "zero_stage": 3}, "optimizer: muon needs whole matrices"),
        ({"optimizer": "muon", "zero_stage": 0}, "only zero_stage 1 and 2"),
        ({"optimizer": "muon", "offload_optimizer": True}, "without offload_optimizer"),
        ({"dtype": "bfloat16", "zero_stage": 0}, "zero_stage: 0 keeps no float32 weights beside those in bfloat16"),
        ({"dtype": "float16", "zero_stage": 0}, "zero_stage: 0 keeps no float32 weights beside those in float16"),
        ({"offload_optimizer": True, "zero_stage": 0}, "offload_optimizer: zero_stage 0 shares nothing out"),
        ({"offload_parameters": True, "zero_stage": 3}, "offload_parameters: needs zero_stage 3 and offload_optimizer"),
        ({"offload_parameters": True, "offload_optimizer": True}, "offload_parameters: needs zero_stage 3"),
        ({"compile": True, "zero_stage": 3}, "compile: the hooks that gather weights"),
        ({"deepspeed": {"zero_optimisation": {}}}, "did you mean zero_optimization"),
        ({"global_batch": 6, "ranks": 4}, "global_batch .6. must be a multiple of ranks .4."),
        ({"global_batch": 8, "ranks": 2, "micro_batch": 3}, "multiple of ranks . micro_batch"),
        ({"steps": 5, "warmup_steps": 6}, "warmup_steps .6. must not exceed steps"),
        ({"spikes": {"window": 2}}, "greater than or equal to 4"),
        ({"loss_scale": {"initial_power": 40}}, "less than or equal to 32"),
    ],
)
def test_what_does_not_go_together_is_refused(fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainConfig(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"optimizer": "muon", "zero_stage": 1},
        {"optimizer": "muon", "zero_stage": 2, "dtype": "bfloat16"},
        {"offload_optimizer": True, "zero_stage": 1},
        {"offload_optimizer": True, "offload_parameters": True, "zero_stage": 3, "dtype": "float16"},
        {"compile": True, "activation_checkpointing": 2},
        {"schedule": "warmup_stable_decay", "decay_share": 0.1, "z_loss": 1e-4, "mask_documents": True},
    ],
)
def test_what_does_is_accepted(fields: dict) -> None:
    config = TrainConfig(**fields)
    assert TrainConfig.model_validate(config.model_dump(mode="json")) == config
