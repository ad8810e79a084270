"""What the network is: its sizes and the choices between the GPT-2 and Llama families, each an independent field.

The defaults are the Llama family. The GPT-2 family is
`positions="learned", norm="layernorm", feed_forward="gelu", bias=True, tied_embeddings=True`.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class ModelConfig(BaseModel):
    """A decoder-only transformer, pre-norm (the norm stands before each sublayer)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vocab_size: int = Field(default=0, ge=0)
    """Number of token ids; 0 takes it from the tokenizer."""
    max_sequence_length: int = Field(default=1024, gt=0)
    """Longest sequence the network can read, in tokens."""
    d_model: int = Field(default=768, gt=0)
    """Width of the residual stream."""
    n_layers: int = Field(default=12, gt=0)
    """Number of blocks (attention and feed-forward)."""
    n_heads: int = Field(default=12, gt=0)
    """Number of query heads; each is d_model / n_heads wide."""
    n_kv_heads: int | None = Field(default=None, gt=0)
    """Number of key and value heads (grouped-query attention, Ainslie et al. 2023); null: as many as n_heads."""
    d_ff: int | None = Field(default=None, gt=0)
    """Width inside the feed-forward layer; null: 4 d_model for gelu, 8/3 d_model up to a multiple of 64 for swiglu."""
    positions: Literal["rope", "learned"] = "rope"
    """Rotary positions (Su et al. 2021) or a learned table (GPT-2)."""
    rope_theta: float = Field(default=10_000.0, gt=0)
    """Base of the rotary wavelengths; unused with learned positions."""
    norm: Literal["rmsnorm", "layernorm"] = "rmsnorm"
    """RMSNorm (Zhang and Sennrich 2019) or LayerNorm (Ba et al. 2016)."""
    norm_eps: float = Field(default=1e-5, gt=0)
    """Added to the variance (or mean square) before the root."""
    feed_forward: Literal["swiglu", "gelu"] = "swiglu"
    """SwiGLU (Shazeer 2020) or GELU in its tanh form (Hendrycks and Gimpel 2016), as GPT-2 has it."""
    bias: bool = False
    """Biases in linear layers and in LayerNorm."""
    tied_embeddings: bool = False
    """The unembedding is the embedding matrix (Press and Wolf 2017)."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Probability of dropout after the embedding, on attention weights and on both residual branches."""

    @model_validator(mode="after")
    def _shapes_fit(self) -> "ModelConfig":
        if self.d_model % self.n_heads:
            raise ValueError(f"d_model ({self.d_model}) must be a multiple of n_heads ({self.n_heads})")
        if self.n_heads % self.kv_heads:
            raise ValueError(f"n_heads ({self.n_heads}) must be a multiple of n_kv_heads ({self.n_kv_heads})")
        if self.positions == "rope" and self.head_dim % 2:
            raise ValueError(
                f"positions: rope needs an even head width, but d_model / n_heads is {self.head_dim}; "
                "change n_heads or choose learned positions"
            )
        return self

    @property
    def head_dim(self) -> int:
        return self.d_model // self.n_heads

    @property
    def kv_heads(self) -> int:
        return self.n_kv_heads or self.n_heads

    @property
    def feed_forward_dim(self) -> int:
        if self.d_ff is not None:
            return self.d_ff
        if self.feed_forward == "gelu":
            return 4 * self.d_model
        # Three matrices instead of two: 2/3 of the width keeps the parameter count (Shazeer 2020, section 3).
        return -(-8 * self.d_model // (3 * 64)) * 64


def parameters(config: ModelConfig) -> int:
    """Number of trained parameters, a tied embedding counted once."""
    d, bias = config.d_model, int(config.bias)
    linear = lambda inputs, outputs: inputs * outputs + bias * outputs  # noqa: E731
    norm = d * (1 + bias * (config.norm == "layernorm"))
    kv_width = config.kv_heads * config.head_dim
    attention = linear(d, d) + 2 * linear(d, kv_width) + linear(d, d)
    ups = 2 if config.feed_forward == "swiglu" else 1
    feed_forward = ups * linear(d, config.feed_forward_dim) + linear(config.feed_forward_dim, d)
    block = attention + feed_forward + 2 * norm
    tables = config.vocab_size * d * (1 if config.tied_embeddings else 2)
    return tables + position_parameters(config) + config.n_layers * block + norm


def position_parameters(config: ModelConfig) -> int:
    """Number of parameters of the learned position table (0 with rotary positions)."""
    return config.max_sequence_length * config.d_model if config.positions == "learned" else 0


def flops_per_token(config: ModelConfig, sequence_length: int) -> float:
    """Floating-point operations of forward and backward for one token: 6 N + 12 L d T.

    The formula is that of Chowdhery et al. 2022, appendix B. N leaves out the tables that are only looked up (learned
    positions, and the input embedding when it is not also the unembedding); the attention term is not halved for
    causality. Both are nanoGPT's convention.
    """
    looked_up = position_parameters(config)
    if not config.tied_embeddings:
        looked_up += config.vocab_size * config.d_model
    n = parameters(config) - looked_up
    return 6 * n + 12 * config.n_layers * config.d_model * sequence_length
