"""DeepSpeed's configuration keys: which a recipe may add under `deepspeed`, and which have a field of their own.

DeepSpeed ignores most keys that it does not know, so a misspelt one would silently do nothing. The names are those of
DeepSpeed 0.19; a test compares them with the installed version's own models.
"""

import difflib
from collections.abc import Mapping
from typing import Any

# The keys that are passed on to DeepSpeed, and of a section the keys in it (None: the key is no section).
FREE: dict[str, frozenset[str] | None] = {
    "comms_logger": frozenset({"enabled", "verbose", "prof_all", "prof_ops", "debug"}),
    "communication_data_type": None,
    "disable_allgather": None,
    "disable_python_gc": None,
    "dump_state": None,
    "flops_profiler": frozenset(
        {"enabled", "recompute_fwd_factor", "profile_step", "module_depth", "top_modules", "detailed", "output_file"}
    ),
    "gradient_predivide_factor": None,
    "log_level": None,
    "memory_breakdown": None,
    "prescale_gradients": None,
    "steps_per_print": None,
    "wall_clock_breakdown": None,
    "zero_optimization": frozenset(
        {
            "allgather_bucket_size",
            "allgather_partitions",
            "contiguous_gradients",
            "enable_sanity_checks",
            "ignore_unused_parameters",
            "log_trace_cache_warnings",
            "memory_efficient_linear",
            "override_module_apply",
            "parameter_alignment",
            "reduce_scatter",
            "round_robin_gradients",
            "stage3_allgather_sequential",
            "stage3_max_live_parameters",
            "stage3_max_reuse_distance",
            "stage3_model_persistence_threshold",
            "stage3_module_granularity_threshold",
            "stage3_param_persistence_threshold",
            "stage3_prefetch_bucket_size",
            "stage3_use_all_reduce_for_fetch_params",
            "sub_group_size",
            "use_multi_rank_bucket_allreduce",
            "zero_hpz_partition_size",
            "zero_quantized_gradients",
            "zero_quantized_nontrainable_weights",
            "zero_quantized_weights",
        }
    ),
}

# Keys that the trainer sets itself, with what to do instead.
OWNED = {
    "activation_checkpointing": "set activation_checkpointing beside it",
    "bf16": "set dtype",
    "bfloat16": "set dtype",
    "checkpoint": "checkpoints have a format of their own",
    "compile": "set compile",
    "data_efficiency": "the order of samples is pretrain.sampling's",
    "data_types": "set dtype",
    "dataloader_drop_last": "the order of samples is pretrain.sampling's",
    "fp16": "set dtype and loss_scale",
    "gradient_accumulation_steps": "set global_batch and micro_batch",
    "gradient_allreduce_op": "the loss is a mean over all ranks",
    "gradient_clipping": "set clip",
    "managed_gradient_accumulation": "set global_batch and micro_batch",
    "optimizer": "set optimizer",
    "scheduler": "set schedule",
    "torch_autocast": "set dtype",
    "train_batch_size": "set global_batch",
    "train_micro_batch_size_per_gpu": "set micro_batch",
    "zero_allow_untested_optimizer": "set optimizer",
    "zero_force_ds_cpu_optimizer": "set offload_optimizer",
    "zero_optimization.compute_grad_norm": "the gradient norm is needed to clip and to find spikes",
    "zero_optimization.elastic_checkpoint": "checkpoints have a format of their own",
    "zero_optimization.legacy_stage1": "set zero_stage",
    "zero_optimization.load_from_fp32_weights": "checkpoints have a format of their own",
    "zero_optimization.offload_optimizer": "set offload_optimizer",
    "zero_optimization.offload_param": "set offload_parameters",
    "zero_optimization.overlap_comm": "set overlap_communication",
    "zero_optimization.pipeline_loading_checkpoint": "checkpoints have a format of their own",
    "zero_optimization.reduce_bucket_size": "set bucket_size",
    "zero_optimization.save_muon_momentum_buffer_in_memory": "set optimizer",
    "zero_optimization.stage": "set zero_stage",
    "zero_optimization.stage3_gather_16bit_weights_on_model_save": "checkpoints have a format of their own",
    "zero_optimization.leaf_module": "the network has no such modules",
    "zero_optimization.zenflow": "set offload_optimizer",
}


def check_keys(settings: Mapping[str, Any]) -> None:
    """Raise ValueError for the first key of `deepspeed` that is not one to be set there."""
    for key, value in settings.items():
        _check_key(key, FREE.keys())
        inner = FREE[key]
        if inner is None:
            continue
        if not isinstance(value, Mapping):
            raise ValueError(f"deepspeed.{key}: a section, not {value!r}; its keys are {', '.join(sorted(inner))}")
        for name in value:
            _check_key(f"{key}.{name}", {f"{key}.{known}" for known in inner})


def _check_key(key: str, free: Any) -> None:
    if key in OWNED:
        raise ValueError(f"deepspeed.{key}: not to be set here; {OWNED[key]}")
    if key not in free:
        close = difflib.get_close_matches(key, [*free, *OWNED], n=1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(free))}"
        raise ValueError(f"deepspeed.{key}: no key of DeepSpeed's that can be set here; {hint}")
