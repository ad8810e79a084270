"""Tokens per second of a training step on two threads: ours beside a plain PyTorch loop around transformers.

The contenders start from the same weights and take the same batches, in float32 and in bfloat16: forward, cross-entropy,
backward, clipping at 1, fused AdamW. The benchmark checks that their first losses agree. The engine is measured through the
trainer's own step, with all that it does besides: token shards read ahead, the guard, the metrics.
"""

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from model.formats.hf_config import hf_config
from model.formats.hf_layout import layout, to_theirs
from model.network.config import ModelConfig
from model.network.init import initialize
from model.network.network import Network
from model.training.distributed import init_distributed
from model.training.loss import NextTokenLoss
from model.training.metrics import Meter
from model.training.optimizer import make_optimizer
from model.training.prefetch import Prefetch
from model.training.train_config import TrainConfig
from tests.benchmarks.table import Row, compare, measure
from tests.benchmarks.trainer import make_samples, make_step

THREADS = 2
BATCH = 8
LENGTH = 256
TOKENS = BATCH * LENGTH
SIZE = {"vocab_size": 4096, "max_sequence_length": LENGTH, "d_model": 256, "n_layers": 6, "n_heads": 4}
GPT2 = {"positions": "learned", "norm": "layernorm", "feed_forward": "gelu", "bias": True, "tied_embeddings": True}
MODELS = {"Llama": ModelConfig(**SIZE), "GPT-2": ModelConfig(**SIZE, **GPT2)}  # 7 and 6 million parameters
WAITING = 1.0  # per cent of a step that waiting for data may take
STEPS = 10_000  # more than are taken

Step = Callable[[], float]


def rows() -> list[Row]:
    """For each family and type the engine (ZeRO-1, one rank) and our plain loop beside the loop around transformers, the engine
    beside the plain loop, and how long a step waits for data."""
    torch.set_num_threads(THREADS)
    init_distributed()
    found, waiting = [], []
    with tempfile.TemporaryDirectory() as folder:
        samples = make_samples(Path(folder), SIZE["vocab_size"], LENGTH)
        for family, config in MODELS.items():
            for dtype in ("float32", "bfloat16"):
                subject = f"training step, {family}, {dtype}"
                with Prefetch(samples.batch) as batches:
                    steps, meter = contenders(config, dtype, batches)
                    first = {name: step() for name, step in steps.items()}
                    assert max(first.values()) - min(first.values()) < 5e-2, f"not the same work: first losses {first}"
                    seconds = measure(subject, steps, rounds=9)
                    spent = meter.record()["time"]
                    waiting.append(
                        100 * spent["data"] / sum(spent.values())
                    )  # between the engine's steps others took theirs
                label = "PyTorch loop around transformers"
                for ours, what, reference, name in (
                    ("engine", "engine with ZeRO-1", "transformers", label),
                    ("plain", "our network in a plain loop", "transformers", label),
                    ("engine", "engine with ZeRO-1", "plain", "our network in a plain loop"),
                ):
                    found.append(compare(f"{subject}, {what}", seconds, ours, reference, TOKENS, "tokens/s", name))
    dist.destroy_process_group()
    return [*found, waiting_row(waiting)]


def contenders(config: ModelConfig, dtype: str, batches: Prefetch) -> tuple[dict[str, Step], Meter]:
    """Three ways to take a step, each returns the loss (nats per token) from before it; and what meters the engine's."""
    train = TrainConfig(
        steps=STEPS, sequence_length=LENGTH, global_batch=BATCH, threads=THREADS, warmup_steps=0, dtype=dtype
    )
    network = Network(config)
    initialize(network, train.seed)
    reference = AutoModelForCausalLM.from_config(hf_config(config, 0, 0, 1, "float32"), attn_implementation="sdpa")
    weights = network.state_dict()
    reference.load_state_dict({entry.theirs: to_theirs(entry, weights) for entry in layout(config)}, strict=False)
    reference.train()
    plain = NextTokenLoss(network)
    engine_step, meter = make_step(config, train, batches)

    def reference_loss(tokens: Tensor) -> Tensor:
        logits = reference(input_ids=tokens[:, :-1], use_cache=False).logits
        return nn.functional.cross_entropy(logits.flatten(0, 1).float(), tokens[:, 1:].flatten())

    samples = torch.from_numpy(batches.take(0, BATCH))
    steps = {
        "engine": lambda: engine_step().loss,
        "plain": plain_loop(plain, lambda: plain(samples), train),
        "transformers": plain_loop(reference, lambda: reference_loss(samples), train),
    }
    return steps, meter


def plain_loop(module: nn.Module, forward: Callable[[], Tensor], train: TrainConfig) -> Step:
    """A step as one writes it without a library; in bfloat16 with masters in float32, as the engine has them."""
    masters = [p.detach().clone() for p in module.parameters()]
    if train.dtype == "float32":
        optimizer = make_optimizer(module, train)
    else:
        optimizer = torch.optim.AdamW(masters, lr=train.learning_rate, fused=True)
        module.to(torch.bfloat16)

    def step() -> float:
        loss = forward()
        loss.backward()
        if train.dtype == "float32":
            nn.utils.clip_grad_norm_(module.parameters(), train.clip)
            optimizer.step()
            optimizer.zero_grad()
            return float(loss.detach())
        for master, parameter in zip(masters, module.parameters(), strict=True):
            assert parameter.grad is not None
            master.grad, parameter.grad = parameter.grad.float(), None
        nn.utils.clip_grad_norm_(masters, train.clip)
        optimizer.step()
        with torch.no_grad():
            for master, parameter in zip(masters, module.parameters(), strict=True):
                parameter.copy_(master)
        return float(loss.detach())

    return step


def waiting_row(shares: list[float]) -> Row:
    """Per cent of a step beside what it may be."""
    low, middle, high = statistics.quantiles((WAITING / share for share in shares), n=4, method="inclusive")
    return Row(
        "training step, waiting for data",
        round(statistics.median(shares), 4),
        WAITING,
        "what it may be",
        "% of a step",
        round(middle, 1),
        (round(low, 1), round(high, 1)),
        len(shares),
    )
