"""Tokens per second and model FLOPs utilisation on GPUs, with a profile of where the time goes.

    torchrun --nproc-per-node 1 -m tests.benchmarks.train_gpu gpt2-124m
    torchrun --nproc-per-node 1 -m tests.benchmarks.train_gpu llama-1.3b
    torchrun --nproc-per-node 1 -m tests.benchmarks.train_gpu tiny          # shows on a CPU that it runs

The token shards are made beforehand, of random tokens. Every figure is over the steps after the first `--warmup`; the table of
what was measured is RESULTS.md. `--set field=value` changes a field of the training, as a recipe would.
"""

import argparse
import json
import platform
import statistics
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import yaml

from model.network.config import ModelConfig, parameters
from model.training.distributed import init_distributed
from model.training.prefetch import Prefetch
from model.training.train_config import TrainConfig
from tests.benchmarks.trainer import make_samples, make_step

GPT2 = {"positions": "learned", "norm": "layernorm", "feed_forward": "gelu", "bias": True, "tied_embeddings": True}
MODELS: dict[str, dict[str, Any]] = {
    "gpt2-124m": GPT2
    | {"vocab_size": 50_304, "max_sequence_length": 1024},  # GPT-2's vocabulary up to a multiple of 64
    "llama-1.3b": {"vocab_size": 32_000, "max_sequence_length": 2048, "d_model": 2048, "n_layers": 24, "n_heads": 16},
    "tiny": {"vocab_size": 512, "max_sequence_length": 64, "d_model": 64, "n_layers": 2, "n_heads": 2},
}
BATCHES: dict[str, dict[str, Any]] = {  # samples of each rank
    "gpt2-124m": {"micro_batch": 16, "accumulation": 32},
    "llama-1.3b": {"micro_batch": 8, "accumulation": 8},
    "tiny": {"micro_batch": 4, "accumulation": 2},
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="torchrun -m tests.benchmarks.train_gpu", description=__doc__.splitlines()[0])
    parser.add_argument("model", choices=MODELS)
    parser.add_argument("--warmup", type=int, default=5, help="steps before those that count")
    parser.add_argument("--steps", type=int, default=20, help="steps that count")
    parser.add_argument("--tokens", type=Path, default=Path("work/benchmark-tokens"), help="where token shards go")
    parser.add_argument("--profile", type=Path, help="write torch's profile of two steps to this file")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", help="a field of the training")
    options = parser.parse_args()
    rank, ranks = init_distributed()
    model = ModelConfig(**MODELS[options.model])
    train = training(options.model, ranks, dict(item.split("=", 1) for item in options.set))
    torch.set_num_threads(train.threads or 1)
    folder = options.tokens / options.model
    if rank == 0:
        make_samples(folder, model.vocab_size, train.sequence_length, tokens=2**24)
    dist.barrier()
    samples = make_samples(folder, model.vocab_size, train.sequence_length)
    with Prefetch(samples.batch) as batches:
        step, meter = make_step(model, train, batches)
        for _ in range(options.warmup):
            step()
        meter.record()
        found = []
        for _ in range(options.steps):
            step()
            found.append(meter.record())
        if options.profile:
            profile(step, options.profile)
    if rank == 0:
        print(json.dumps(summary(options.model, model, train, found), indent=1))
    dist.destroy_process_group()


def training(name: str, ranks: int, changes: dict[str, str]) -> TrainConfig:
    """The training that is measured; `changes` by field, in YAML."""
    sizes = BATCHES[name]
    fields: dict[str, Any] = {
        "steps": 10**6,
        "sequence_length": MODELS[name]["max_sequence_length"],
        "ranks": ranks,
        "micro_batch": sizes["micro_batch"],
        "global_batch": sizes["micro_batch"] * sizes["accumulation"] * ranks,
        "dtype": "bfloat16",
        "zero_stage": 1,
        "compile": torch.cuda.is_available(),
    }
    return TrainConfig(**fields | {field: yaml.safe_load(value) for field, value in changes.items()})


def summary(name: str, model: ModelConfig, train: TrainConfig, found: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians over the steps, and what they were measured with."""
    speeds = sorted(record["tokens_per_second"] / train.ranks for record in found)
    return {
        "model": name,
        "parameters": parameters(model),
        "tokens_per_second_per_device": round(statistics.median(speeds)),
        "spread": [round(speeds[len(speeds) // 4]), round(speeds[3 * len(speeds) // 4])],
        "mfu": round(statistics.median(record["mfu"] for record in found), 4) if "mfu" in found[0] else None,
        "time": {
            phase: statistics.median(record["time"].get(phase, 0) for record in found) for phase in found[0]["time"]
        },
        "memory_gb": max(record["memory_gb"] for record in found),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or "CPU",
        "ranks": train.ranks,
        "versions": {"torch": torch.__version__, "deepspeed": version("deepspeed"), "cuda": torch.version.cuda},
        "training": train.model_dump(mode="json", exclude_defaults=True),
    }


def profile(step: Any, path: Path) -> None:
    """The operators that two steps spend their time in, the longest first."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    if torch.cuda.is_available():
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profiler:
        step()
        step()
    by = "self_cuda_time_total" if torch.cuda.is_available() else "self_cpu_time_total"
    if dist.get_rank() == 0:
        path.write_text(profiler.key_averages().table(sort_by=by, row_limit=40))


if __name__ == "__main__":
    main()
