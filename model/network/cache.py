"""Keys and values of the tokens that a network has read, so that each new one is computed alone."""

import torch
from torch import Tensor

from model.network.config import ModelConfig


class LayerCache:
    """The keys and values of one layer: room for `capacity` tokens, of which `length` are filled."""

    def __init__(self, config: ModelConfig, batch: int, capacity: int, like: Tensor):
        shape = (batch, config.kv_heads, capacity, config.head_width)
        self.keys = torch.empty(shape, dtype=like.dtype, device=like.device)
        self.values = torch.empty_like(self.keys)
        self.length = 0

    def extend(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """New keys and values (batch, n_kv_heads, new, head_dim) -> all so far (batch, n_kv_heads, length, head_dim)."""
        start, self.length = self.length, self.length + key.shape[2]
        self.keys[:, :, start : self.length] = key
        self.values[:, :, start : self.length] = value
        return self.keys[:, :, : self.length], self.values[:, :, : self.length]


Cache = list[LayerCache]  # one for each layer


def new_cache(config: ModelConfig, batch: int, capacity: int, like: Tensor) -> Cache:
    """An empty cache; `like` is a tensor of the network's device and data type."""
    return [LayerCache(config, batch, capacity, like) for _ in range(config.n_layers)]
