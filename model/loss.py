"""The training objective: cross-entropy of each next token, and the z-loss."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor, cat, nn
from torch.utils.checkpoint import checkpoint

from model.network import Network

# Logits in float32 that are held at once, in elements (1 GiB). Above it they are made chunk by chunk, and again in the
# backward pass, so that memory does not grow with the vocabulary.
MAX_LOGITS = 2**28

Reduction = Literal["mean", "none"]


class NextTokenLoss(nn.Module):
    """Tokens in, loss out: what the training engine wraps.

    In training, `z_loss` times the squared logarithm of the softmax's denominator is added, which keeps logits from drifting
    (Chowdhery et al. 2022, section 5: 1e-4); in evaluation mode the loss is the cross-entropy alone.
    """

    def __init__(self, network: Network, z_loss: float = 0.0):
        super().__init__()
        self.network = network
        self.z_loss = z_loss

    def forward(self, tokens: Tensor, reduction: Reduction = "mean", documents: Tensor | None = None) -> Tensor:
        """Token ids (batch, seq + 1) -> nats per token, () or, with "none", (batch * seq,); taken in float32.

        `documents` (batch, seq) numbers the packed texts that the inputs, all tokens but the last, belong to.
        """
        hidden = self.network.hidden(tokens[:, :-1], documents).flatten(0, 1)  # (batch * seq, d_model)
        targets = tokens[:, 1:].flatten()  # (batch * seq)
        chunk = max(1, MAX_LOGITS // self.network.config.vocab_size)
        if len(targets) <= chunk:
            return self._loss(hidden, targets, reduction)
        losses = cat(
            [
                checkpoint(self._loss, h, t, "none", use_reentrant=False)
                for h, t in zip(hidden.split(chunk), targets.split(chunk), strict=True)
            ]
        )
        return losses.mean() if reduction == "mean" else losses

    def _loss(self, hidden: Tensor, targets: Tensor, reduction: Reduction) -> Tensor:
        logits = self.network.unembed(hidden).float()
        loss = F.cross_entropy(logits, targets, reduction=reduction)
        if self.z_loss and self.training:
            z = logits.logsumexp(dim=-1).square()
            loss = loss + self.z_loss * (z.mean() if reduction == "mean" else z)
        return loss
