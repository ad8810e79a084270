"""Causal self-attention (Vaswani et al. 2017) with grouped key and value heads (Ainslie et al. 2023)."""

import torch.nn.functional as F
from torch import Tensor, nn

from model.config import ModelConfig
from model.positions import rotate

Rotation = tuple[Tensor, Tensor]


class Attention(nn.Module):
    def __init__(self, config: ModelConfig):
        super().__init__()
        self.head_dim = config.head_dim
        self.grouped = config.kv_heads != config.n_heads
        self.dropout = config.dropout
        kv_width = config.kv_heads * config.head_dim
        self.query = nn.Linear(config.d_model, config.d_model, bias=config.bias)
        self.key = nn.Linear(config.d_model, kv_width, bias=config.bias)
        self.value = nn.Linear(config.d_model, kv_width, bias=config.bias)
        self.output = nn.Linear(config.d_model, config.d_model, bias=config.bias)

    def forward(self, x: Tensor, rotation: Rotation | None) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq, d_model); `rotation` is None where positions are not rotary."""
        query = self._heads(self.query(x))  # (batch, n_heads, seq, head_dim)
        key = self._heads(self.key(x))  # (batch, n_kv_heads, seq, head_dim)
        value = self._heads(self.value(x))
        if rotation is not None:
            query, key = rotate(query, *rotation), rotate(key, *rotation)
        mixed = F.scaled_dot_product_attention(
            query,
            key,
            value,
            is_causal=True,
            dropout_p=self.dropout if self.training else 0.0,
            enable_gqa=self.grouped,
        )
        return self.output(mixed.transpose(1, 2).flatten(2))  # (batch, seq, d_model)

    def _heads(self, x: Tensor) -> Tensor:
        """(batch, seq, heads * head_dim) -> (batch, heads, seq, head_dim)"""
        return x.unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
