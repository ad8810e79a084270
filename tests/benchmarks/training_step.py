"""Tokens per second of a training step on two threads: ours beside a plain PyTorch loop around transformers.

The three contenders start from the same weights and take the same batch in float32: forward, cross-entropy, backward,
clipping at 1, fused AdamW. The benchmark checks that their first losses agree.
"""

from collections.abc import Callable

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from transformers import AutoModelForCausalLM

from model.config import ModelConfig
from model.convert_hf import layout, to_theirs
from model.engine import Engine, init_distributed, make_optimizer
from model.hf_config import hf_config
from model.init import initialize
from model.loss import NextTokenLoss
from model.network import Network
from model.train import take_step
from model.train_config import TrainConfig
from tests.benchmarks.table import Row, compare, measure

THREADS = 2
BATCH = 8
LENGTH = 256
SIZE = {"vocab_size": 4096, "max_sequence_length": LENGTH, "d_model": 256, "n_layers": 6, "n_heads": 4}
GPT2 = {"positions": "learned", "norm": "layernorm", "feed_forward": "gelu", "bias": True, "tied_embeddings": True}
MODELS = {"Llama": ModelConfig(**SIZE), "GPT-2": ModelConfig(**SIZE, **GPT2)}  # 7 and 6 million parameters
TRAIN = TrainConfig(sequence_length=LENGTH, global_batch=BATCH, zero_stage=1, threads=THREADS, warmup_steps=0)

Step = Callable[[], float]


def rows() -> list[Row]:
    """For each family the engine (ZeRO-1, one rank) and our plain loop beside the loop around transformers."""
    torch.set_num_threads(THREADS)
    init_distributed()
    found = []
    for family, config in MODELS.items():
        steps = contenders(config)
        first = {name: step() for name, step in steps.items()}
        assert max(first.values()) - min(first.values()) < 1e-3, f"not the same work: first losses {first}"
        seconds = measure(f"training step, {family}", steps, rounds=11)
        found += [
            compare(
                f"training step, {family}, {what}",
                seconds,
                ours,
                "transformers",
                BATCH * LENGTH,
                "tokens/s",
                "PyTorch loop around transformers",
            )
            for ours, what in (("engine", "engine with ZeRO-1"), ("plain", "our network in a plain loop"))
        ]
    dist.destroy_process_group()
    return found


def contenders(config: ModelConfig) -> dict[str, Step]:
    """Three ways to take a step; each returns the loss (nats per token) from before it."""
    samples = np.random.default_rng(0).integers(0, config.vocab_size, (BATCH, LENGTH + 1))
    tokens = torch.from_numpy(samples)
    networks = [Network(config), Network(config)]
    for network in networks:
        initialize(network, seed=0)
    weights = networks[0].state_dict()
    reference = AutoModelForCausalLM.from_config(hf_config(config, 0, 1, "float32"), attn_implementation="sdpa")
    reference.load_state_dict({entry.theirs: to_theirs(entry, weights) for entry in layout(config)}, strict=False)
    reference.train()
    plain = NextTokenLoss(networks[1])
    engine = Engine(NextTokenLoss(networks[0]), TRAIN)

    def reference_loss() -> Tensor:
        logits = reference(input_ids=tokens[:, :-1], use_cache=False).logits
        return nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    return {
        "engine": lambda: float(take_step(engine, TRAIN, lambda cursor, count: samples, 0, TRAIN.learning_rate)[0]),
        "plain": plain_loop(plain, lambda: plain(tokens)),
        "transformers": plain_loop(reference, reference_loss),
    }


def plain_loop(module: nn.Module, forward: Callable[[], Tensor]) -> Step:
    """A step as one writes it without a library."""
    optimizer = make_optimizer(module, TRAIN)

    def step() -> float:
        loss = forward()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), TRAIN.clip)
        optimizer.step()
        optimizer.zero_grad()
        return float(loss.detach())

    return step
