"""Causal self-attention (Vaswani et al. 2017) with grouped key and value heads (Ainslie et al. 2023).

Three ways to the same result, chosen by the mask (`model.network.masks`) and the soft cap:
- `scaled_dot_product_attention`, wherever it can
- FlexAttention (Dong et al. 2024), on CUDA, where windows, documents, ALiBi or soft caps need more; it has no dropout, and no
  backward pass on the CPU
- explicit scores for soft caps elsewhere
"""

import math
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import flex_attention

from model.network.cache import LayerCache
from model.network.config import ModelConfig
from model.network.masks import FlexMask, Mask
from model.network.norm import make_norm
from model.network.positions import rotate

Rotation = tuple[Tensor, Tensor]


class Attention(nn.Module):
    """The projections to queries, keys and values and back; `attend` is what lies between."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.head_width = config.head_width
        self.scale = config.attention_scale
        self.softcap = config.attention_softcap
        self.dropout = config.dropouts.attention
        query_width, kv_width = config.n_heads * config.head_width, config.kv_heads * config.head_width
        self.query = nn.Linear(config.d_model, query_width, bias=config.bias)
        self.key = nn.Linear(config.d_model, kv_width, bias=config.bias)
        self.value = nn.Linear(config.d_model, kv_width, bias=config.bias)
        self.query_norm = make_norm(config, config.head_width) if config.qk_norm else nn.Identity()
        self.key_norm = make_norm(config, config.head_width) if config.qk_norm else nn.Identity()
        self.output = nn.Linear(query_width, config.d_model, bias=config.bias)

    def forward(
        self, x: Tensor, rotation: Rotation | None = None, mask: Mask = None, cache: LayerCache | None = None
    ) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq, d_model).

        `rotation` is None where positions are not rotary; keys and values of earlier tokens come from `cache`.
        """
        query = self.query_norm(self._heads(self.query(x)))  # (batch, n_heads, seq, head_dim)
        key = self.key_norm(self._heads(self.key(x)))  # (batch, n_kv_heads, seq, head_dim)
        value = self._heads(self.value(x))
        if rotation is not None:
            query, key = rotate(query, *rotation), rotate(key, *rotation)
        if cache is not None:
            key, value = cache.extend(key, value)  # (batch, n_kv_heads, cached + seq, head_dim)
        dropout = self.dropout if self.training else 0.0
        mixed = attend(query, key, value, mask, self.scale, self.softcap, dropout)
        return self.output(mixed.transpose(1, 2).flatten(2))  # (batch, seq, d_model)

    def _heads(self, x: Tensor) -> Tensor:
        """(batch, seq, heads * head_dim) -> (batch, heads, seq, head_dim)"""
        return x.unflatten(-1, (-1, self.head_width)).transpose(1, 2)


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Mask = None,
    scale: float | None = None,
    softcap: float | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Queries (batch, n_heads, queries, head_dim), keys and values (batch, n_kv_heads, keys, head_dim) -> (batch, n_heads,
    queries, head_dim). `scale` None is 1 / sqrt(head_dim)."""
    if isinstance(mask, FlexMask):
        assert not dropout, "FlexAttention has no dropout"
        return flex(query, key, value, mask, scale, softcap)
    if softcap is not None:
        assert mask is not None
        return explicit(query, key, value, mask, scale, softcap, dropout)
    grouped = query.shape[1] != key.shape[1]
    return F.scaled_dot_product_attention(
        query, key, value, mask, dropout_p=dropout, is_causal=mask is None, scale=scale, enable_gqa=grouped
    )


def cap(scores: Tensor, softcap: float | None) -> Tensor:
    """Scores within (-softcap, softcap) (Gemma-2, Riviere et al. 2024, section 2)."""
    return scores if softcap is None else softcap * torch.tanh(scores / softcap)


def explicit(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor,
    scale: float | None = None,
    softcap: float | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """`attend` as it is written in papers, with the scores (batch, n_heads, queries, keys) held whole."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    scores = cap(query @ key.mT * (scale or 1 / math.sqrt(query.shape[-1])), softcap)
    scores = scores.masked_fill(~mask, float("-inf")) if mask.dtype == torch.bool else scores + mask
    weights = scores.softmax(dim=-1, dtype=torch.float32).to(value.dtype)
    return F.dropout(weights, dropout) @ value


def flex(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: FlexMask,
    scale: float | None = None,
    softcap: float | None = None,
) -> Tensor:
    """`attend` by FlexAttention: compiled on CUDA, where it would hold the scores whole otherwise."""

    def score(score: Tensor, batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        score = cap(score, softcap)
        return score if mask.slopes is None else score - mask.slopes[head] * (query - key)

    fuse = query.is_cuda and not torch.compiler.is_compiling()
    kernel: Any = compiled_flex() if fuse else flex_attention
    grouped = query.shape[1] != key.shape[1]
    return kernel(query, key, value, score_mod=score, block_mask=mask.mask, scale=scale, enable_gqa=grouped)


@cache
def compiled_flex() -> Any:
    """FlexAttention as a fused kernel, for a network that is not compiled itself."""
    return torch.compile(flex_attention)
