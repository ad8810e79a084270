"""The decoder-only transformer, whole: a reader meets the parts in the order in which a token does.

- token embedding, with learned (Radford et al. 2019) or sinusoidal (Vaswani et al. 2017) positions added
- per block: attention, residual sum; feed-forward, residual sum; with norms before, after, or both
- in the attention, rotary positions or ALiBi, if the positions are of these kinds
- final norm, unembedding (the embedding matrix itself when tied), soft cap

Each choice is a field of `ModelConfig`; the weights get their first values in `model.network.init`.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from model.network.attention import Attention, Rotation, cap
from model.network.cache import Cache, LayerCache
from model.network.config import ModelConfig
from model.network.feed_forward import FeedForward
from model.network.masks import Mask, make_mask
from model.network.norm import make_norm
from model.network.positions import document_positions, rope_tables, sinusoids


class Block(nn.Module):
    """Attention and feed-forward, each with a residual sum and norms where `norm_position` puts them."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.norm_after_sum = config.norm_position == "after"
        twice = config.norm_position == "both"
        self.attention_norm = make_norm(config, config.d_model)
        self.attention = Attention(config)
        self.attention_post_norm = make_norm(config, config.d_model) if twice else nn.Identity()
        self.feed_forward_norm = make_norm(config, config.d_model)
        self.feed_forward = FeedForward(config)
        self.feed_forward_post_norm = make_norm(config, config.d_model) if twice else nn.Identity()
        self.dropout = nn.Dropout(config.dropouts.residual)

    def forward(self, x: Tensor, rotation: Rotation | None, mask: Mask, cache: LayerCache | None = None) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq, d_model)"""
        if self.norm_after_sum:
            x = self.attention_norm(x + self.dropout(self.attention(x, rotation, mask, cache)))
            return self.feed_forward_norm(x + self.dropout(self.feed_forward(x)))
        attended = self.attention_post_norm(self.attention(self.attention_norm(x), rotation, mask, cache))
        x = x + self.dropout(attended)
        fed = self.feed_forward_post_norm(self.feed_forward(self.feed_forward_norm(x)))
        return x + self.dropout(fed)


class Network(nn.Module):
    """Tokens to logits; `hidden` and `unembed` are its two halves, for losses and heads that need not all logits."""

    rope_cos: Tensor  # (max_sequence_length, head_dim), rotary positions only
    rope_sin: Tensor

    def __init__(self, config: ModelConfig):
        super().__init__()
        assert config.vocab_size > 0, "vocab_size must be known before the network is built"
        self.config = config
        # Every how many blocks one keeps only its input in training and computes the rest again in the backward pass
        # (Chen et al. 2016): 0 none, 1 all. It costs time and changes no number, so it is no part of the config.
        self.checkpoint_every = 0
        self.embedding = nn.Embedding(config.vocab_size, config.d_model)
        self.positions: nn.Embedding | None = None
        if config.positions == "learned":
            self.positions = nn.Embedding(config.max_sequence_length, config.d_model)
        if config.positions == "rope":
            cos, sin = rope_tables(
                config.max_sequence_length, config.head_width, config.rope_theta, config.rope_scaling
            )
            # The tables are a function of the config, so no checkpoint carries them.
            self.register_buffer("rope_cos", cos, persistent=False)
            self.register_buffer("rope_sin", sin, persistent=False)
        self.dropout = nn.Dropout(config.dropouts.embedding)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        after = config.norm_position == "after"  # then the last block ends with a norm
        self.final_norm = nn.Identity() if after else make_norm(config, config.d_model)
        self.unembedding: nn.Linear | None = None
        if not config.tied_embeddings:
            self.unembedding = nn.Linear(config.d_model, config.vocab_size, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Token ids (batch, seq) int64 -> logits (batch, seq, vocab)."""
        return self.unembed(self.hidden(tokens))

    def hidden(self, tokens: Tensor, documents: Tensor | None = None, cache: Cache | None = None) -> Tensor:
        """Token ids (batch, seq) int64 -> states after the final norm (batch, seq, d_model).

        `documents` (batch, seq) numbers the texts that are packed into a row, one after another: each is read as if it stood
        alone. With a `cache` (`model.network.cache`), `tokens` go on from those that it holds, and are added to it.
        """
        offset = cache[0].length if cache else 0
        end = offset + tokens.shape[1]
        assert end <= self.config.max_sequence_length, (
            f"{end} tokens, but the network reads at most {self.config.max_sequence_length}"
        )
        assert documents is None or cache is None, "packed texts are not continued"
        positions = torch.arange(offset, end, device=tokens.device)  # (seq)
        if documents is not None:
            positions = document_positions(documents)  # (batch, seq)
        x = self.dropout(self._embed(tokens, positions))  # (batch, seq, d_model)
        rotation = self._rotation(positions, x)
        masks = self._masks(x, documents, cache)
        for layer, (block, window) in enumerate(zip(self.blocks, self.config.windows, strict=True)):
            arguments = (x, rotation, masks[window], cache[layer] if cache else None)
            if self.training and self.checkpoint_every and layer % self.checkpoint_every == 0:
                x = checkpoint(block, *arguments, use_reentrant=False)
            else:
                x = block(*arguments)
        return self.final_norm(x)

    def unembed(self, hidden: Tensor) -> Tensor:
        """States (..., d_model) -> logits (..., vocab)."""
        logits = F.linear(hidden, self.embedding.weight) if self.unembedding is None else self.unembedding(hidden)
        return cap(logits, self.config.logit_softcap)

    def _embed(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """(batch, seq) and positions (seq) or (batch, seq) -> (batch, seq, d_model)"""
        x = self.embedding(tokens)
        if self.config.embedding_scale:
            x = x * math.sqrt(self.config.d_model)
        if self.positions is not None:
            x = x + self.positions(positions)
        if self.config.positions == "sinusoidal":
            x = x + sinusoids(positions, self.config.d_model).to(x.dtype)
        return x

    def _rotation(self, positions: Tensor, x: Tensor) -> Rotation | None:
        """Cosines and sines at the positions, made in float32 and rounded once, as transformers does."""
        if self.config.positions != "rope":
            return None
        cos, sin = self.rope_cos[positions].to(x.dtype), self.rope_sin[positions].to(x.dtype)  # (..., seq, head_dim)
        return (cos, sin) if positions.ndim == 1 else (cos[:, None], sin[:, None])

    def _masks(self, x: Tensor, documents: Tensor | None, cache: Cache | None) -> dict[int | None, Mask]:
        """The mask of each window that a layer has."""
        flex = x.is_cuda and cache is None and not (self.training and self.config.dropouts.attention)
        offset = cache[0].length if cache else 0
        return {
            window: make_mask(self.config, window, x.shape[1], x, documents, offset, flex)
            for window in set(self.config.windows)
        }
