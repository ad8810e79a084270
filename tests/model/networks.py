"""Tiny networks of every kind, for the tests: each option of the config stands in at least one."""

import torch

from model.network.config import ModelConfig
from model.network.init import initialize
from model.network.network import Network

GPT2 = {
    "positions": "learned",
    "norm": "layernorm",
    "feed_forward": "gelu",
    "bias": True,
    "tied_embeddings": True,
}
GEMMA2 = {
    "norm_position": "both",
    "feed_forward": "geglu",
    "attention_scale": 24**-0.5,
    "attention_softcap": 2.0,
    "logit_softcap": 3.0,
    "embedding_scale": True,
    "tied_embeddings": True,
    "sliding_window": 5,
    "attention_pattern": ("local", "global"),
    "n_kv_heads": 2,
    "head_dim": 16,
}
VARIANTS = {
    "llama": {},
    "grouped": {"n_kv_heads": 2},
    "multi-query, tied": {"n_kv_heads": 1, "tied_embeddings": True},
    "gpt2": GPT2,
    "gpt2 untied, no bias": {**GPT2, "bias": False, "tied_embeddings": False},
    "mixed": {"positions": "rope", "norm": "layernorm", "feed_forward": "gelu", "d_ff": 50, "bias": True},
    "original": {**GPT2, "positions": "sinusoidal", "norm_position": "after", "feed_forward": "relu", "embedding_scale": True},
    "alibi, squared relu": {"positions": "alibi", "feed_forward": "squared_relu", "n_heads": 6, "n_kv_heads": 2},
    "alibi, window, soft cap": {"positions": "alibi", "sliding_window": 7, "attention_softcap": 1.5},
    "no positions": {"positions": "none"},
    "mistral": {"sliding_window": 5, "n_kv_heads": 2},
    "local, local, global": {"sliding_window": 4, "attention_pattern": ("local", "local", "global"), "feed_forward": "geglu"},
    "qwen3": {"qk_norm": True, "head_dim": 20, "n_kv_heads": 2},
    "norms of queries with biases": {"qk_norm": True, "norm": "layernorm", "bias": True, "norm_position": "both"},
    "gemma2": GEMMA2,
    "llama 3.1": {"rope_scaling": {"type": "llama3", "factor": 8, "original_sequence_length": 12}},
    "yarn": {"rope_scaling": {"type": "yarn", "factor": 4, "original_sequence_length": 8}, "rope_theta": 100.0},
}  # fmt: skip


def build(seed: int = 0, **fields: object) -> Network:
    sizes = {"vocab_size": 97, "d_model": 48, "n_layers": 3, "n_heads": 4, "max_sequence_length": 24}
    return random_network(ModelConfig(**{**sizes, **fields}), seed)


def random_network(config: ModelConfig, seed: int = 0) -> Network:
    """Weights far from their first values: biases and gains too, so that one left out or swapped changes the logits."""
    network = Network(config).eval()
    initialize(network, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.empty_like(parameter).normal_(0, 0.1, generator=generator))
    return network


def some_tokens(length: int = 24) -> torch.Tensor:
    return torch.randint(0, 97, (2, length), generator=torch.Generator().manual_seed(1))
