"""Tokens per second and utilisation of the recipes in configs/, on random tokens, with a profile of two steps."""

import gc
import statistics
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from model.network.config import ModelConfig, flops_per_token, parameters
from model.training.compiled_ops import missing_tool
from model.training.distributed import init_distributed
from model.training.prefetch import Prefetch
from model.training.train_config import TrainConfig
from pipeline.recipe.reading import load_recipe
from tests.gpu.case import Case, Check, Figures, Skipped
from tests.gpu.trainings import REPOSITORY

WARMUP, STEPS = 3, 8  # steps before those that count, and those
KERNELS = 20  # that the profile names
SMALL = {"d_model": 64, "n_layers": 2, "n_heads": 4, "max_sequence_length": 64, "vocab_size": 512}


def speed(case: Case, figures: Figures, recipe: str, accumulation: int, compiled: bool = False) -> None:
    """How fast the recipe's network is trained on one device, with its micro-batch and so many of them in a step.

    Nothing is compared. `tokens_per_second` and `mfu` are medians over steps, `profile` has the operators of two further steps
    by the time that they take on the device themselves.
    """
    if compiled and (missing := missing_tool("g++")):
        raise Skipped(f"blocks are compiled with {missing}, which is not installed here")
    from tests.benchmarks.trainer import make_samples, make_step  # these import DeepSpeed, which takes seconds

    model, train = recipe_of(case, recipe, accumulation, compiled)
    init_distributed()
    samples = make_samples(case.folder / f"random-{model.vocab_size}", model.vocab_size, train.sequence_length)
    with Prefetch(samples.batch) as batches:
        step, meter = make_step(model, train, batches)
        for _ in range(WARMUP):
            step()
        meter.record()
        found = []
        for _ in range(case.sized(STEPS, 2)):
            step()
            found.append(meter.record())
        figures["profile"] = profile(step)
    speeds = [record["tokens_per_second"] for record in found]
    figures |= {
        "parameters": parameters(model),
        "flops_per_token": flops_per_token(model, train.sequence_length),
        "tokens_per_step": train.global_batch * train.sequence_length,
        "tokens_per_second": round(statistics.median(speeds)),
        "slowest, fastest": [round(min(speeds)), round(max(speeds))],
        "mfu": round(statistics.median(record["mfu"] for record in found), 4) if "mfu" in found[0] else None,
        "time": {phase: statistics.median(record["time"][phase] for record in found) for phase in found[0]["time"]},
        "memory_gb": max(record["memory_gb"] for record in found),
        "training": train.model_dump(mode="json", exclude_defaults=True),
    }
    del step, meter
    gc.collect()  # the engine holds the GPU's memory in circles of references
    if case.device.type == "cuda":
        torch.cuda.empty_cache()


def recipe_of(case: Case, recipe: str, accumulation: int, compiled: bool) -> tuple[ModelConfig, TrainConfig]:
    """The network and the training of a recipe of configs/, for one rank and a step of some micro-batches."""
    pretrain = load_recipe(REPOSITORY / "configs" / recipe).pretrain
    assert pretrain is not None
    network, training = pretrain.model.model_dump(), pretrain.training.model_dump()
    network["vocab_size"] = network["vocab_size"] or load_recipe(REPOSITORY / "configs" / recipe).vocab.size
    if case.small:
        network |= SMALL | {"n_kv_heads": None, "d_ff": None}
        training |= {"sequence_length": SMALL["max_sequence_length"], "micro_batch": 2, "threads": 1}
    training |= {"ranks": 1, "compile": compiled, "global_batch": training["micro_batch"] * accumulation}
    return ModelConfig(**network), TrainConfig(**training)


def profile(step: Callable[[], Any]) -> list[dict[str, Any]]:
    """The operators and kernels that two steps spend most time in by themselves, the longest first."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profiler:
        step()
        step()
    taken = {
        event.key: (
            event.self_device_time_total if torch.cuda.is_available() else event.self_cpu_time_total,
            event.count,
        )
        for event in profiler.key_averages()
    }
    total = sum(time for time, _ in taken.values())
    longest = sorted(taken.items(), key=lambda item: -item[1][0])[:KERNELS]
    return [
        {"name": name[:120], "share": round(time / total, 4), "milliseconds": round(time / 1000, 3), "calls": calls}
        for name, (time, calls) in longest
    ]


CHECKS = (
    Check("gpt2-124m", 90, partial(speed, recipe="gpt2-124m.yaml", accumulation=8)),
    Check("llama-1b", 150, partial(speed, recipe="llama-1b.yaml", accumulation=4)),
    Check("gpt2-124m, compiled", 150, partial(speed, recipe="gpt2-124m.yaml", accumulation=8, compiled=True)),
)
