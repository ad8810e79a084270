"""The feed-forward layer, with a gate (Shazeer 2020) or without."""

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from model.network.config import GATED, ModelConfig


def squared_relu(x: Tensor) -> Tensor:
    """max(x, 0)^2 (So et al. 2021, Primer)."""
    return F.relu(x).square()


gelu = partial(F.gelu, approximate="tanh")  # Hendrycks and Gimpel 2016, in the form that GPT-2 and Gemma have
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": gelu,
    "squared_relu": squared_relu,
    "swiglu": F.silu,
    "geglu": gelu,
}


class FeedForward(nn.Module):
    """`down(activation(up(x)))`, or with a gate `down(activation(gate(x)) * up(x))`."""

    def __init__(self, config: ModelConfig):
        super().__init__()
        self.activation = ACTIVATIONS[config.feed_forward]
        self.up = nn.Linear(config.d_model, config.feed_forward_dim, bias=config.bias)
        self.gate: nn.Linear | None = None
        if config.feed_forward in GATED:
            self.gate = nn.Linear(config.d_model, config.feed_forward_dim, bias=config.bias)
        self.down = nn.Linear(config.feed_forward_dim, config.d_model, bias=config.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, seq, d_model) -> (batch, seq, d_model), through (batch, seq, d_ff)"""
        if self.gate is None:
            return self.down(self.activation(self.up(x)))
        return self.down(self.activation(self.gate(x)) * self.up(x))
