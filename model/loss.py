"""The training objective: cross-entropy of each next token."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, cat, nn
from torch.utils.checkpoint import checkpoint

from model.network import Network

# Logits in float32 that are held at once, in elements (1 GiB). Above it they are made chunk by chunk, and again in the
# backward pass, so that memory does not grow with the vocabulary.
MAX_LOGITS = 2**28


class NextTokenLoss(nn.Module):
    """Tokens in, loss out: what the training engine wraps."""

    def __init__(self, network: Network):
        super().__init__()
        self.network = network

    def forward(self, tokens: Tensor, reduction: Literal["mean", "none"] = "mean") -> Tensor:
        """Token ids (batch, seq + 1) -> nats per token, () or, with "none", (batch * seq,); taken in float32."""
        hidden = self.network.hidden(tokens[:, :-1]).flatten(0, 1)  # (batch * seq, d_model)
        targets = tokens[:, 1:].flatten()  # (batch * seq)
        chunk = max(1, MAX_LOGITS // self.network.config.vocab_size)
        if len(targets) <= chunk:
            return F.cross_entropy(self.network.unembed(hidden).float(), targets, reduction=reduction)
        losses = cat(
            [
                checkpoint(self._losses, h, t, use_reentrant=False)
                for h, t in zip(hidden.split(chunk), targets.split(chunk), strict=True)
            ]
        )
        return losses.mean() if reduction == "mean" else losses

    def _losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(self.network.unembed(hidden).float(), targets, reduction="none")
