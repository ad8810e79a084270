"""What the network is: its sizes and its choices, each an independent field, and what they cost.

The defaults are the Llama family. The others of the reference families are
- GPT-2: `positions="learned", norm="layernorm", feed_forward="gelu", bias=True, tied_embeddings=True`
- Mistral: Llama's with `sliding_window`
- Qwen3: Llama's with `head_dim` and `qk_norm=True`
- Gemma-2: `norm_position="both", feed_forward="geglu", attention_softcap=50, logit_softcap=30, embedding_scale=True,
  tied_embeddings=True, sliding_window=4096, attention_pattern=("local", "global")`
"""

from typing import Any, ClassVar, Literal, NamedTuple

from pydantic import Field, model_validator

from model.section import ANY, Needs, Section

GATED = ("swiglu", "geglu")  # feed-forward layers with a third matrix, the gate


N_HEADS = 12
MOST_HEADS = 1024  # so many are looked for when a width is given without heads


class RopeScaling(Section):
    """Rotary frequencies stretched to read longer texts than those of the first training."""

    needs: ClassVar[Needs] = {
        **{name: {"type": ("llama3",)} for name in ("low_freq_factor", "high_freq_factor")},
        **{name: {"type": ("yarn",)} for name in ("beta_fast", "beta_slow", "attention_factor")},
    }

    type: Literal["llama3", "yarn"]
    """Llama 3.1's rule (Grattafiori et al. 2024, section 3.4.3; its formula is in Meta's code) or YaRN (Peng et al. 2023)."""
    factor: float = Field(ge=1)
    """How many times longer the texts become."""
    original_sequence_length: int = Field(gt=0)
    """Longest sequence of the first training. Unit: tokens."""
    low_freq_factor: float = Field(default=1.0, gt=0)
    """With llama3, a wavelength longer than original_sequence_length / this is stretched by the whole factor. Source: Meta's
    code of Llama 3.1."""
    high_freq_factor: float = Field(default=4.0, gt=0)
    """With llama3, a wavelength shorter than original_sequence_length / this is left as it is. Source: Meta's code of Llama
    3.1."""
    beta_fast: float = Field(default=32.0, gt=0)
    """With yarn, a frequency of more turns than this in original_sequence_length is left as it is. Unit: turns. Source: Peng
    et al. 2023."""
    beta_slow: float = Field(default=1.0, gt=0)
    """With yarn, a frequency of fewer turns than this in original_sequence_length is stretched by the whole factor. Unit:
    turns. Source: Peng et al. 2023."""
    attention_factor: float | None = Field(default=None, gt=0)
    """With yarn, rotated queries and keys are multiplied by it; null stands for 0.1 ln(factor) + 1. Source: Peng et al. 2023,
    equation 22."""

    @model_validator(mode="after")
    def _factors_are_in_order(self) -> "RopeScaling":
        if self.low_freq_factor >= self.high_freq_factor:
            raise ValueError("low_freq_factor must be smaller than high_freq_factor")
        if self.beta_slow >= self.beta_fast:
            raise ValueError("beta_slow must be smaller than beta_fast")
        return self


class Dropouts(NamedTuple):
    """Probabilities of dropout at the three places that have one."""

    embedding: float
    attention: float
    residual: float


class ModelConfig(Section):
    """A decoder-only transformer."""

    needs: ClassVar[Needs] = {
        "rope_theta": {"positions": ("rope",)},
        "rope_scaling": {"positions": ("rope",)},
        "attention_pattern": {"sliding_window": ANY},
        "dropout": dict.fromkeys(("embedding_dropout", "attention_dropout", "residual_dropout"), (None,)),
    }

    vocab_size: int = Field(default=0, ge=0)
    """Number of token ids that the network has room for; 0 takes it from the tokenizer. Unit: ids."""
    max_sequence_length: int = Field(default=1024, gt=0, le=2**20)
    """Longest sequence that the network can read. Unit: tokens."""
    d_model: int = Field(default=768, gt=0)
    """Width of the residual stream."""
    n_layers: int = Field(default=12, gt=0)
    """Number of blocks (attention and feed-forward)."""
    n_heads: int = Field(default=N_HEADS, gt=0)
    """Number of query heads. Where 12 do not divide d_model, the default is the largest number of heads of at least 64."""
    n_kv_heads: int | None = Field(default=None, gt=0)
    """Number of key and value heads: n_heads / n_kv_heads query heads share one (grouped-query attention, Ainslie et al.
    2023; all share one in multi-query attention, Shazeer 2019); null stands for as many as n_heads."""
    head_dim: int | None = Field(default=None, gt=0)
    """Width of a head; null stands for d_model / n_heads."""
    d_ff: int | None = Field(default=None, gt=0)
    """Width inside the feed-forward layer; null stands for 4 d_model, with a gate for 8/3 d_model up to a multiple of 64.
    Source: Vaswani et al. 2017; Shazeer 2020, section 3."""

    positions: Literal["rope", "learned", "sinusoidal", "alibi", "none"] = "rope"
    """Rotary positions (Su et al. 2021), a learned table (GPT-2), sinusoids added to the embedding (Vaswani et al. 2017), a
    penalty on distance in the attention scores (ALiBi, Press et al. 2022), or none (Kazemnejad et al. 2023)."""
    rope_theta: float = Field(default=10_000.0, gt=1)
    """Base of the rotary wavelengths, for `positions: rope`. Source: Su et al. 2021."""
    rope_scaling: RopeScaling | None = None
    """Rotary frequencies stretched for longer texts; null leaves them as they are."""

    norm: Literal["rmsnorm", "layernorm"] = "rmsnorm"
    """RMSNorm (Zhang and Sennrich 2019) or LayerNorm (Ba et al. 2016)."""
    norm_position: Literal["before", "after", "both"] = "before"
    """Before each sublayer, with one more at the end (pre-norm, Xiong et al. 2020); after its residual sum (the original add
    & norm, Vaswani et al. 2017); or before and after it, the second within the residual branch (Gemma-2)."""
    norm_eps: float = Field(default=1e-5, gt=0)
    """This number is added to the variance (or mean square) before the root."""

    feed_forward: Literal["relu", "gelu", "squared_relu", "swiglu", "geglu"] = "swiglu"
    """ReLU (Vaswani et al. 2017), GELU in its tanh form (Hendrycks and Gimpel 2016), squared ReLU (So et al. 2021), or with a
    gate SwiGLU or GeGLU (Shazeer 2020)."""

    sliding_window: int | None = Field(default=None, gt=0)
    """How much a local layer attends to, the token itself and those just before it (Beltagy et al. 2020; Mistral); null stands
    for all. Unit: tokens."""
    attention_pattern: tuple[Literal["local", "global"], ...] | None = Field(default=None, min_length=1)
    """Which layers are local, repeated over the layers, as [local, global] in Gemma-2; null makes all local when
    sliding_window is set."""
    qk_norm: bool = False
    """Whether a norm is taken over each head of the queries and of the keys (Henry et al. 2020), before the rotation as in
    Qwen3."""
    attention_scale: float | None = Field(default=None, gt=0)
    """Attention scores are multiplied by it; null stands for 1 / sqrt(head_dim). Source: Vaswani et al. 2017, section 3.2.1."""
    attention_softcap: float | None = Field(default=None, gt=0)
    """Attention scores s become c tanh(s / c), c being this; null leaves them as they are. Source: Gemma-2 (Riviere et al.
    2024)."""
    logit_softcap: float | None = Field(default=None, gt=0)
    """Logits s become c tanh(s / c), c being this; null leaves them as they are. Source: Gemma-2 (Riviere et al. 2024)."""

    bias: bool = False
    """Whether linear layers and LayerNorm have biases."""
    tied_embeddings: bool = False
    """Whether the unembedding is the embedding matrix (Press and Wolf 2017)."""
    embedding_scale: bool = False
    """Whether token embeddings are multiplied by sqrt(d_model) (Vaswani et al. 2017, section 3.4; Gemma)."""

    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Probability of dropout (Srivastava et al. 2014) at each of the three places that follow, unless they say otherwise."""
    embedding_dropout: float | None = Field(default=None, ge=0, lt=1)
    """Probability of dropout after the embedding; null stands for that of `dropout`."""
    attention_dropout: float | None = Field(default=None, ge=0, lt=1)
    """Probability of dropout on attention weights; null stands for that of `dropout`."""
    residual_dropout: float | None = Field(default=None, ge=0, lt=1)
    """Probability of dropout on what both sublayers add to the residual stream; null stands for that of `dropout`."""

    initialization: Literal["normal", "depth_scaled", "xavier", "he"] = "depth_scaled"
    """How the first weights are spread: normal with 0.02 (Radford et al. 2018), depth_scaled with less for those into the
    residual stream (GPT-2, Radford et al. 2019, section 2.3), xavier (Glorot and Bengio 2010) and he (He et al. 2015) by the
    widths of each layer."""

    @model_validator(mode="before")
    @classmethod
    def _heads_for_the_width(cls, values: Any) -> Any:
        """With a width that 12 heads do not divide, heads that are left out are as many as can be at least 64 wide."""
        if not isinstance(values, dict) or values.get("head_dim") is not None:
            return values
        width = values.get("d_model")
        if not isinstance(width, int) or width <= 0 or width % N_HEADS == 0:
            return values
        heads = [n for n in range(1, min(width // 64, MOST_HEADS) + 1) if width % n == 0 and width // n % 2 == 0]
        return {"n_heads": max(heads, default=1), **values}

    @model_validator(mode="after")
    def _shapes_fit(self) -> "ModelConfig":
        if self.head_dim is None and self.d_model % self.n_heads:
            raise ValueError(
                f"d_model ({self.d_model}) must be a multiple of n_heads ({self.n_heads}), or head_dim be set"
            )
        if self.n_heads % self.kv_heads:
            raise ValueError(f"n_heads ({self.n_heads}) must be a multiple of n_kv_heads ({self.n_kv_heads})")
        if self.positions == "rope" and self.head_width % 2:
            raise ValueError(
                f"positions: rope needs an even head width, but head_dim (d_model / n_heads) is {self.head_width}; "
                "change n_heads or choose other positions"
            )
        if self.positions == "sinusoidal" and self.d_model % 2:
            raise ValueError(f"positions: sinusoidal needs an even d_model, not {self.d_model}")
        return self

    @model_validator(mode="after")
    def _fields_go_together(self) -> "ModelConfig":
        pattern = self.attention_pattern
        if pattern and "local" in pattern and self.sliding_window is None:
            raise ValueError("attention_pattern has local layers: sliding_window must say how far they see")
        if pattern and "local" not in pattern and self.sliding_window is not None:
            raise ValueError("attention_pattern has no local layer: leave sliding_window out")
        return self

    @property
    def head_width(self) -> int:
        """Width of a head, given or by the rule."""
        return self.head_dim or self.d_model // self.n_heads

    @property
    def kv_heads(self) -> int:
        """Number of key and value heads, given or by the rule."""
        return self.n_kv_heads or self.n_heads

    @property
    def feed_forward_dim(self) -> int:
        """Width inside the feed-forward layer, given or by the rule."""
        if self.d_ff is not None:
            return self.d_ff
        if self.feed_forward not in GATED:
            return 4 * self.d_model
        # Three matrices instead of two: 2/3 of the width keeps the parameter count (Shazeer 2020, section 3).
        return -(-8 * self.d_model // (3 * 64)) * 64

    @property
    def windows(self) -> tuple[int | None, ...]:
        """The sliding window of each layer, or None where a layer sees everything before."""
        pattern = self.attention_pattern or ("local",)  # without a window a local layer is a global one
        kinds = (pattern[layer % len(pattern)] for layer in range(self.n_layers))
        return tuple(self.sliding_window if kind == "local" else None for kind in kinds)

    @property
    def dropouts(self) -> Dropouts:
        """The probabilities at the three places, each given or that of `dropout`."""
        places = (self.embedding_dropout, self.attention_dropout, self.residual_dropout)
        return Dropouts(*(self.dropout if place is None else place for place in places))


def parameters(config: ModelConfig) -> int:
    """Number of trained parameters, a tied embedding counted once."""
    d, bias = config.d_model, int(config.bias)
    linear = lambda inputs, outputs: inputs * outputs + bias * outputs  # noqa: E731
    norm = lambda width: width * (1 + bias * (config.norm == "layernorm"))  # noqa: E731
    query_width, kv_width = config.n_heads * config.head_width, config.kv_heads * config.head_width
    attention = linear(d, query_width) + 2 * linear(d, kv_width) + linear(query_width, d)
    if config.qk_norm:
        attention += 2 * norm(config.head_width)
    ups = 2 if config.feed_forward in GATED else 1
    feed_forward = ups * linear(d, config.feed_forward_dim) + linear(config.feed_forward_dim, d)
    block = attention + feed_forward + (4 if config.norm_position == "both" else 2) * norm(d)
    final_norm = 0 if config.norm_position == "after" else norm(d)
    tables = config.vocab_size * d * (1 if config.tied_embeddings else 2)
    return tables + position_parameters(config) + config.n_layers * block + final_norm


def position_parameters(config: ModelConfig) -> int:
    """Number of parameters of the learned position table (0 with other positions)."""
    return config.max_sequence_length * config.d_model if config.positions == "learned" else 0


def flops_per_token(config: ModelConfig, sequence_length: int) -> float:
    """Floating-point operations of forward and backward for one token: 6 N + 12 L d T.

    The formula is that of Chowdhery et al. 2022, appendix B, d being the width of all query heads. N leaves out the tables
    that are only looked up (learned positions, and the input embedding when it is not also the unembedding); the attention
    term is not halved for causality. Both are nanoGPT's convention. T is at most the window in a layer that has one.
    """
    looked_up = position_parameters(config)
    if not config.tied_embeddings:
        looked_up += config.vocab_size * config.d_model
    n = parameters(config) - looked_up
    seen = sum(min(sequence_length, window or sequence_length) for window in config.windows)  # L T without windows
    return 6 * n + 12 * config.n_heads * config.head_width * seen
