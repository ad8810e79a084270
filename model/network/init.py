"""The first values of the weights, all in one place."""

import math

import torch
from torch import nn

from model.network.network import Network

STANDARD_DEVIATION = 0.02  # GPT-2's


@torch.no_grad()
def initialize(network: Network, seed: int) -> None:
    """Fill the network's parameters, all of them from normal distributions of these standard deviations.

    | `initialization` | embeddings, unembedding | linear weights | those into the residual stream |
    | --- | --- | --- | --- |
    | `normal` (Radford et al. 2018) | 0.02 | 0.02 | 0.02 |
    | `depth_scaled` (GPT-2, Radford et al. 2019, section 2.3) | 0.02 | 0.02 | 0.02 / sqrt(2 n_layers) |
    | `xavier` (Glorot and Bengio 2010) | 0.02 | sqrt(2 / (inputs + outputs)) | as the others |
    | `he` (He et al. 2015) | 0.02 | sqrt(2 / inputs) | as the others |

    Embeddings are those of tokens and of positions; `attention.output` and `feed_forward.down` go into the residual stream.
    Biases are 0 and the gains of the norms 1.

    The values are drawn on the CPU in float32 from one generator in the order of the modules, so they are equal on every
    rank, whatever the number of ranks, the ZeRO stage, the device and the data type.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            values = torch.empty(module.weight.shape, dtype=torch.float32)
            values.normal_(0.0, standard_deviation(network, name, module), generator=generator)
            module.weight.copy_(values)
        elif isinstance(module, nn.RMSNorm | nn.LayerNorm):
            nn.init.ones_(module.weight)
        bias = getattr(module, "bias", None)
        if bias is not None:
            nn.init.zeros_(bias)


def standard_deviation(network: Network, name: str, module: nn.Linear | nn.Embedding) -> float:
    """The standard deviation of the weight of the module called `name`, by the table above."""
    if isinstance(module, nn.Embedding) or module is network.unembedding:
        return STANDARD_DEVIATION
    into_residual = name.endswith(("attention.output", "feed_forward.down"))
    match network.config.initialization:
        case "normal":
            return STANDARD_DEVIATION
        case "depth_scaled":
            return STANDARD_DEVIATION / math.sqrt(2 * network.config.n_layers) if into_residual else STANDARD_DEVIATION
        case "xavier":
            return math.sqrt(2 / (module.in_features + module.out_features))
        case "he":
            return math.sqrt(2 / module.in_features)
