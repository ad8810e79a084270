"""How a network knows where a token stands: rotary angles, sinusoids, ALiBi's slopes, and position numbers in packed texts."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from model.network.config import RopeScaling


def rope_tables(
    sequence_length: int, head_dim: int, theta: float, scaling: RopeScaling | None = None
) -> tuple[Tensor, Tensor]:
    """Cosines and sines of position * theta^(-2i / head_dim), each (seq, head_dim) in float32 (Su et al. 2021).

    The two halves of a head carry the same angles (the half-rotation layout of transformers' Llama, not the interleaved
    one of the paper), so weights convert to and from Hugging Face by renaming alone. YaRN multiplies both by a factor.
    """
    frequencies, factor = rope_frequencies(head_dim, theta, scaling)
    angles = torch.outer(torch.arange(sequence_length, dtype=torch.float32), frequencies)  # (seq, head_dim / 2)
    angles = torch.cat((angles, angles), dim=-1)  # (seq, head_dim)
    return angles.cos() * factor, angles.sin() * factor


def rope_frequencies(head_dim: int, theta: float, scaling: RopeScaling | None) -> tuple[Tensor, float]:
    """Radians that each pair turns from one position to the next, (head_dim / 2), and YaRN's attention factor (else 1)."""
    frequencies = 1.0 / theta ** (torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
    if scaling is None:
        return frequencies, 1.0
    kept = llama3_kept(frequencies, scaling) if scaling.type == "llama3" else yarn_kept(head_dim, theta, scaling)
    stretched = (1 - kept) * frequencies / scaling.factor + kept * frequencies
    if scaling.type == "llama3":
        return stretched, 1.0
    return stretched, scaling.attention_factor or 0.1 * math.log(scaling.factor) + 1.0


def llama3_kept(frequencies: Tensor, scaling: RopeScaling) -> Tensor:
    """Share of each frequency (head_dim / 2) that stays: 1 for short wavelengths, 0 for long ones, linear in the turns between.

    Llama 3.1 (Grattafiori et al. 2024); the formula is that of `apply_scaling` in Meta's llama-models.
    """
    turns = scaling.original_sequence_length * frequencies / (2 * math.pi)  # in the longest text of the first training
    low, high = scaling.low_freq_factor, scaling.high_freq_factor
    return ((turns - low) / (high - low)).clamp(0, 1)


def yarn_kept(head_dim: int, theta: float, scaling: RopeScaling) -> Tensor:
    """The share that stays by YaRN (Peng et al. 2023, section 3.2): linear in the index of the pair, between whole indices."""

    def index(turns: float) -> float:
        """Where the frequency stands that makes so many turns in the longest text of the first training."""
        return head_dim * math.log(scaling.original_sequence_length / (turns * 2 * math.pi)) / (2 * math.log(theta))

    first = max(math.floor(index(scaling.beta_fast)), 0)
    last = min(math.ceil(index(scaling.beta_slow)), head_dim - 1)
    width = last - first or 0.001  # a width of 0 would divide by 0
    return 1 - ((torch.arange(head_dim // 2, dtype=torch.float32) - first) / width).clamp(0, 1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate each pair (x[i], x[i + head_dim / 2]) by its angle.

    x: (batch, heads, seq, head_dim); cos and sin: (seq, head_dim) or, where texts are packed, (batch, 1, seq, head_dim).
    """
    turned: Tensor = _Rotation.apply(x, cos, sin)
    return turned


class _Rotation(torch.autograd.Function):
    """Its gradient is turned back by the same angle, which takes a third of the operations that autograd would."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turn(x, cos, sin, 1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _turn(gradient, cos, sin, -1), None, None


def _turn(x: Tensor, cos: Tensor, sin: Tensor, sign: int) -> Tensor:
    """`x` turned by the angles, forward (`sign` 1) or back (-1)."""
    first, second = x.chunk(2, dim=-1)
    turned = x * cos
    turned_first, turned_second = turned.chunk(2, dim=-1)
    half = sin[..., : sin.shape[-1] // 2]  # its other half is the same
    turned_first.addcmul_(second, half, value=-sign)
    turned_second.addcmul_(first, half, value=sign)
    return turned


def sinusoids(positions: Tensor, d_model: int) -> Tensor:
    """Positions (..., seq) -> sin and cos of position * 10000^(-2i / d_model), alternating: (..., seq, d_model) in float32.

    Vaswani et al. 2017, section 3.5.
    """
    frequencies, _ = rope_frequencies(d_model, 10_000.0, None)
    angles = positions[..., None] * frequencies.to(positions.device)  # (..., seq, d_model / 2)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


def alibi_slopes(n_heads: int) -> list[float]:
    """Of each head, by how much a score falls for each token of distance (Press et al. 2022, section 3).

    A geometric sequence from 2^(-8/n); where n is no power of two, that of the power below, and between its terms every
    second one of the power above, as in the authors' code.
    """
    power = 2 ** math.floor(math.log2(n_heads))
    slopes = [2 ** (-8 * (head + 1) / power) for head in range(power)]
    between = [2 ** (-4 * (head + 1) / power) for head in range(0, 2 * power, 2)]
    return slopes + between[: n_heads - power]


def document_positions(documents: Tensor) -> Tensor:
    """Document of each token (batch, seq) -> its position in that document (batch, seq): 0 where the number changes."""
    index = torch.arange(documents.shape[1], device=documents.device).expand_as(documents)
    starts = torch.ones_like(documents, dtype=torch.bool)
    starts[:, 1:] = documents[:, 1:] != documents[:, :-1]
    return index - index.where(starts, 0).cummax(dim=1).values
