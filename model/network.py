"""The decoder-only transformer, whole: a reader meets the parts in the order in which a token does.

- token embedding, plus a learned position embedding in the GPT-2 family (Radford et al. 2019)
- per block: norm, causal attention, residual; norm, feed-forward, residual (pre-norm)
- rotary positions, RMSNorm, SwiGLU and grouped-query attention in the Llama family (Touvron et al. 2023)
- final norm, unembedding (the embedding matrix itself when tied)

Each choice is a field of `ModelConfig`; the weights get their first values in `model.init`.
"""

import torch.nn.functional as F
from torch import Tensor, arange, nn

from model.attention import Attention, Rotation
from model.config import ModelConfig
from model.positions import rope_tables


def make_norm(config: ModelConfig) -> nn.Module:
    if config.norm == "rmsnorm":
        return nn.RMSNorm(config.d_model, eps=config.norm_eps)
    return nn.LayerNorm(config.d_model, eps=config.norm_eps, bias=config.bias)


class FeedForward(nn.Module):
    """`down(gelu(up(x)))`, or with a gate `down(silu(gate(x)) * up(x))` (SwiGLU, Shazeer 2020)."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.up = nn.Linear(config.d_model, config.feed_forward_dim, bias=config.bias)
        self.gate: nn.Linear | None = None
        if config.feed_forward == "swiglu":
            self.gate = nn.Linear(config.d_model, config.feed_forward_dim, bias=config.bias)
        self.down = nn.Linear(config.feed_forward_dim, config.d_model, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq, d_model), through (batch, seq, d_ff)"""
        if self.gate is None:
            return self.down(F.gelu(self.up(x), approximate="tanh"))
        return self.down(F.silu(self.gate(x)) * self.up(x))


class Block(nn.Module):
    def __init__(self, config: ModelConfig):
        super().__init__()
        self.attention_norm = make_norm(config)
        self.attention = Attention(config)
        self.feed_forward_norm = make_norm(config)
        self.feed_forward = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x: Tensor, rotation: Rotation | None) -> Tensor:
        x = x + self.dropout(self.attention(self.attention_norm(x), rotation))
        return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))


class Network(nn.Module):
    """Tokens to logits; `hidden` and `unembed` are its two halves, for losses and heads that need not all logits."""

    rope_cos: Tensor  # (max_sequence_length, head_dim), rotary positions only
    rope_sin: Tensor

    def __init__(self, config: ModelConfig):
        super().__init__()
        assert config.vocab_size > 0, "vocab_size must be known before the network is built"
        self.config = config
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.positions: nn.Embedding | None = None
        if config.positions == "learned":
            self.positions = nn.Embedding(config.max_sequence_length, config.d_model)
        else:
            # Not persistent: a function of the config, so no checkpoint carries it.
            cos, sin = rope_tables(config.max_sequence_length, config.head_dim, config.rope_theta)
            self.register_buffer("rope_cos", cos, persistent=False)
            self.register_buffer("rope_sin", sin, persistent=False)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.final_norm = make_norm(config)
        self.unembedding: nn.Linear | None = None
        if not config.tied_embeddings:
            self.unembedding = nn.Linear(config.d_model, config.vocab_size, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token ids (batch, seq) int64 -> logits (batch, seq, vocab)."""
        return self.unembed(self.hidden(tokens))

    def hidden(self, tokens: Tensor) -> Tensor:
        """Token ids (batch, seq) int64 -> states after the final norm (batch, seq, d_model)."""
        length = tokens.shape[1]
        assert length <= self.config.max_sequence_length, (
            f"{length} tokens, but the network reads at most {self.config.max_sequence_length}"
        )
        x = self.embedding(tokens)  # (batch, seq, d_model)
        rotation: Rotation | None = None
        if self.positions is not None:
            x = x + self.positions(arange(length, device=tokens.device))
        else:
            # Made in float32 and rounded once, as transformers does.
            rotation = self.rope_cos[:length].to(x.dtype), self.rope_sin[:length].to(x.dtype)
        x = self.dropout(x)
        for block in self.blocks:
            x = block(x, rotation)
        return self.final_norm(x)

    def unembed(self, hidden: Tensor) -> Tensor:
        """States (..., d_model) -> logits (..., vocab)."""
        if self.unembedding is None:
            return F.linear(hidden, self.embedding.weight)
        return self.unembedding(hidden)
