"""Tiny networks of every kind, with weights far from their first values, for the goldens of evaluate, finetune and export."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from model.network.config import ModelConfig
from model.network.init import initialize
from model.network.network import Network

SIZES = {"vocab_size": 320, "d_model": 16, "n_layers": 2, "n_heads": 4, "max_sequence_length": 24}
GPT2 = {"positions": "learned", "norm": "layernorm", "feed_forward": "gelu", "bias": True, "tied_embeddings": True}
GEMMA2 = {
    "norm_position": "both",
    "feed_forward": "geglu",
    "attention_scale": 5**-0.5,
    "attention_softcap": 2.0,
    "logit_softcap": 3.0,
    "embedding_scale": True,
    "tied_embeddings": True,
    "sliding_window": 5,
    "attention_pattern": ("local", "global"),
    "n_kv_heads": 2,
}
# Those that have a form in transformers, by its name for them, and the others.
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {"n_kv_heads": 2},
    "gpt2": GPT2,
    "gemma2": GEMMA2,
    "mistral": {"sliding_window": 5, "n_kv_heads": 2},
    "qwen3": {"qk_norm": True, "head_dim": 8, "n_kv_heads": 1},
    "llama3": {"rope_scaling": {"type": "llama3", "factor": 8, "original_sequence_length": 12}, "rope_theta": 100.0},
    "yarn": {"rope_scaling": {"type": "yarn", "factor": 3, "original_sequence_length": 8}, "rope_theta": 100.0},
}
OTHERS: dict[str, dict[str, Any]] = {
    "original": {**GPT2, "positions": "sinusoidal", "norm_position": "after", "feed_forward": "relu"},
    "alibi": {"positions": "alibi", "feed_forward": "squared_relu", "initialization": "xavier"},
    "no positions": {"positions": "none", "initialization": "he", "d_ff": 20},
}


def network_of(fields: dict[str, Any]) -> Network:
    """A network of SIZES and these fields, to be read only."""
    network = Network(ModelConfig.model_validate(SIZES | fields)).eval()
    initialize(network, seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.empty_like(parameter).normal_(0, 0.2, generator=generator))
    return network


def figures(tensors: Iterable[tuple[str, Tensor]]) -> list[float]:
    """A number for each tensor, in the order of their names, that depends on all its values and their places."""
    return [_figure(tensor.detach().double().flatten()) for _, tensor in sorted(tensors, key=lambda named: named[0])]


def _figure(values: Tensor) -> float:
    """The sum of the absolute values, those at the end counted twice as much as those at the beginning."""
    return float((values.abs() * torch.linspace(1, 2, len(values), dtype=torch.float64)).sum())


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread inside: for networks as small as these more of them only wait for one another."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
