"""Rotary positions (Su et al. 2021, arXiv:2104.09864)."""

import torch
from torch import Tensor


def rope_tables(sequence_length: int, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines of position * theta^(-2i / head_dim), each (seq, head_dim) in float32.

    The two halves of a head carry the same angles (the half-rotation layout of transformers' Llama, not the interleaved
    one of the paper), so weights convert to and from Hugging Face by renaming alone.
    """
    frequencies = 1.0 / theta ** (torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)  # (head_dim / 2)
    angles = torch.outer(torch.arange(sequence_length, dtype=torch.float32), frequencies)  # (seq, head_dim / 2)
    angles = torch.cat((angles, angles), dim=-1)  # (seq, head_dim)
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate each pair (x[i], x[i + head_dim / 2]) by its angle.

    x: (batch, heads, seq, head_dim); cos and sin: (seq, head_dim).
    """
    first, second = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-second, first), dim=-1) * sin
