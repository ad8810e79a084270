"""The first values of the weights, all in one place."""

import math

import torch
from torch import nn

from model.network import Network

STANDARD_DEVIATION = 0.02  # GPT-2's


@torch.no_grad()
def initialize(network: Network, seed: int) -> None:
    """Fill the network's parameters, as GPT-2 does (Radford et al. 2019, section 2.3).

    | parameter | distribution |
    | --- | --- |
    | embeddings (token and position), unembedding, linear weights | normal(0, 0.02) |
    | into the residual stream: `attention.output`, `feed_forward.down` | normal(0, 0.02 / sqrt(2 n_layers)) |
    | biases | 0 |
    | gains of the norms | 1 |

    Drawn on the CPU in float32 from one generator in the order of the modules: equal on every rank, whatever the number
    of ranks, the ZeRO stage, the device and the data type.
    """
    generator = torch.Generator().manual_seed(seed)
    residual = STANDARD_DEVIATION / math.sqrt(2 * network.config.n_layers)
    for name, module in network.named_modules():
        if isinstance(module, nn.Linear | nn.Embedding):
            into_residual = name.endswith(("attention.output", "feed_forward.down"))
            values = torch.empty(module.weight.shape, dtype=torch.float32)
            values.normal_(0.0, residual if into_residual else STANDARD_DEVIATION, generator=generator)
            module.weight.copy_(values)
        elif isinstance(module, nn.RMSNorm | nn.LayerNorm):
            nn.init.ones_(module.weight)
        bias = getattr(module, "bias", None)
        if bias is not None:
            nn.init.zeros_(bias)
