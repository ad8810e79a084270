"""The shapes of a network's tensors, known without making it."""

import torch

from model.network.config import ModelConfig
from model.network.network import Network


def shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Shape of each tensor of the network by its name."""
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in Network(config).state_dict().items()}


def check_shapes(found: ModelConfig, wanted: ModelConfig) -> None:
    """Raise ValueError that names the first tensor of `found` that `wanted` has in another shape, or not at all."""
    theirs, ours = shapes(found), shapes(wanted)
    for name in sorted(theirs.keys() | ours.keys()):
        if theirs.get(name) != ours.get(name):
            raise ValueError(
                f"pretrain.model: {name} has shape {theirs.get(name, 'of nothing')} in the network and "
                f"{ours.get(name, 'of nothing')} in the recipe; make `pretrain.model` that of the network"
            )
