"""The trainer's own step for the benchmarks, with all that it does beside computing: reading ahead, the guard, the metrics."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch.distributed as dist

from data.tokens.config import SamplingConfig
from data.tokens.sampling import Samples
from data.tokens.token_shards import TokenShardWriter, token_dtype
from model.formats.progress import Progress
from model.network.config import ModelConfig, flops_per_token
from model.network.init import initialize
from model.network.network import Network
from model.training.engine import Engine
from model.training.loss import NextTokenLoss
from model.training.metrics import Meter, device_peak
from model.training.prefetch import Prefetch
from model.training.step import StepOutcome, take_step
from model.training.train_config import TrainConfig


def make_samples(folder: Path, vocab_size: int, length: int, tokens: int = 2**20) -> Samples:
    """The order of samples over a token shard of random tokens, which is written first if it is not there."""
    prefix = folder / "random-train"
    if not Path(f"{prefix}.idx").exists():
        folder.mkdir(parents=True, exist_ok=True)
        dtype = token_dtype(vocab_size)
        generator = np.random.default_rng(0)
        with TokenShardWriter(prefix, dtype) as writer:
            for _ in range(tokens // 1024):
                writer.append(generator.integers(0, vocab_size, 1024).astype(dtype))
    return Samples({"random": [prefix]}, length, SamplingConfig())


def make_step(model: ModelConfig, train: TrainConfig, batches: Prefetch) -> tuple[Callable[[], StepOutcome], Meter]:
    """The next step of a new run on every call, and what meters them."""
    network = Network(model)
    initialize(network, train.seed)
    engine, now = Engine(NextTokenLoss(network), train), Progress.at_start()
    flops = flops_per_token(model, train.sequence_length)
    meter = Meter(flops, dist.get_world_size(), device_peak(train.dtype))

    def step() -> StepOutcome:
        taken = take_step(engine, train, now, batches, meter, lambda: False, 0, False)
        now.step, now.cursor = now.step + 1, now.cursor + taken.samples
        return taken

    return step, meter
