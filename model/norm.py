"""Normalisation: RMSNorm (Zhang and Sennrich 2019) or LayerNorm (Ba et al. 2016)."""

from torch import nn

from model.config import ModelConfig


def make_norm(config: ModelConfig, width: int) -> nn.Module:
    """A norm over the last dimension (..., width): x / rms(x) times a gain, or (x - mean) / deviation times it and a bias."""
    if config.norm == "rmsnorm":
        return nn.RMSNorm(width, eps=config.norm_eps)
    return nn.LayerNorm(width, eps=config.norm_eps, bias=config.bias)
