"""The configuration that DeepSpeed gets. The trainer itself sets the learning rate, weighs micro-batches and clips at stage 0."""

from typing import Any

from model.training.train_config import TrainConfig


def deepspeed_config(config: TrainConfig, d_model: int, parameters: int, on_gpu: bool) -> dict[str, Any]:
    """DeepSpeed's configuration for a network of that width and number of parameters."""
    # DeepSpeed allocates whole buckets: 2 GB with its own defaults, however small the network is.
    bucket = min(parameters, config.bucket_size)
    overlap = config.overlap_communication
    zero: dict[str, Any] = {
        "stage": config.zero_stage,
        "overlap_comm": on_gpu if overlap is None else overlap,
        "contiguous_gradients": True,
        "reduce_bucket_size": bucket,
        "allgather_bucket_size": bucket,
    }
    if config.zero_stage == 3:
        zero["stage3_prefetch_bucket_size"] = bucket
        zero["stage3_param_persistence_threshold"] = 10 * d_model  # norms and biases stay whole on every rank
    if config.offload_optimizer:
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": on_gpu}
    if config.offload_parameters:
        zero["offload_param"] = {"device": "cpu", "pin_memory": on_gpu}
    settings: dict[str, Any] = {
        "train_batch_size": config.global_batch,
        "train_micro_batch_size_per_gpu": config.rank_micro_batch,
        "gradient_accumulation_steps": config.accumulation,
        "gradient_clipping": config.clip if config.zero_stage > 0 else 0.0,
        "zero_optimization": zero,
        "zero_allow_untested_optimizer": config.optimizer == "muon",
        "bf16": {"enabled": config.dtype == "bfloat16"},
        "fp16": {"enabled": config.dtype == "float16", **_loss_scale(config)},
        "data_types": {"grad_accum_dtype": "fp32"},
        "communication_data_type": "fp32",
        "steps_per_print": None,
    }
    for key, value in config.deepspeed.items():
        settings[key] = {**settings.get(key, {}), **value} if isinstance(value, dict) else value
    return settings


def _loss_scale(config: TrainConfig) -> dict[str, Any]:
    scale = config.loss_scale
    return {
        "loss_scale": scale.fixed,
        "initial_scale_power": scale.initial_power,
        "loss_scale_window": scale.window,
        "hysteresis": scale.hysteresis,
        "min_loss_scale": scale.minimum,
    }
