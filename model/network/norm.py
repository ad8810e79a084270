"""Normalisation: RMSNorm (Zhang and Sennrich 2019) or LayerNorm (Ba et al. 2016)."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from model.network.config import ModelConfig


def make_norm(config: ModelConfig, width: int) -> nn.Module:
    """A norm over the last dimension (..., width): x / rms(x) times a gain, or (x - mean) / deviation times it and a bias."""
    if config.norm == "rmsnorm":
        return RMSNorm(width, eps=config.norm_eps)
    return nn.LayerNorm(width, eps=config.norm_eps, bias=config.bias)


class RMSNorm(nn.RMSNorm):
    """torch's RMSNorm on GPUs, where torch has a kernel. On a CPU torch composes it of many operations, this class of few."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., width) -> (..., width), computed in float32"""
        if x.is_cuda:
            return super().forward(x)
        normed: Tensor = _RMSNorm.apply(x, self.weight, self.eps)
        return normed


class _RMSNorm(torch.autograd.Function):
    """With n = x / rms(x), the result is n * weight.

    For its gradient g, that of x is (g * weight - n * mean(g * weight * n)) / rms(x).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        wide = x.float()
        scale = wide.square().mean(dim=-1, keepdim=True).add_(eps).rsqrt_()
        ctx.save_for_backward(x, weight, scale)
        return (wide * scale).mul_(weight).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight, scale = ctx.saved_tensors
        gradient, normed = gradient.float(), x.float() * scale
        along = normed * gradient
        by_weight = along.flatten(0, -2).sum(dim=0)
        mean = along.mul_(weight).mean(dim=-1, keepdim=True)
        by_x = (gradient * weight).addcmul_(normed, mean, value=-1).mul_(scale)
        return by_x.to(x.dtype), by_weight.to(weight.dtype), None
