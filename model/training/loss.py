"""The training objective: cross-entropy of each next token, and the z-loss."""

from collections.abc import Iterator
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, cat, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from model.network.network import Network

# At most so many bytes of logits are held at once, and as many of their gradient. More of them are computed in chunks, and
# again in the backward pass, so that memory does not grow with the vocabulary.
LOGITS_BYTES = 2**31
# At most so many logits are in float32 at once. On a CPU these are 2 MiB, which its cache holds: 2^19 was the fastest of 2^16
# to 2^23 where `make bench` was measured.
IN_FLOAT32 = {"cpu": 2**19, "cuda": 2**26}

Reduction = Literal["mean", "none"]


class CrossEntropy(torch.autograd.Function):
    """Logits (n, vocab) and targets (n) -> nats per token (n) and the logarithm of the softmax's denominator (n), in float32.

    The result is that of `F.cross_entropy` on logits cast to float32, but only some rows are in float32 at a time: a CPU has
    them in its cache, and the backward pass computes their softmax again instead of reading it. With bfloat16 this takes a
    quarter of the time.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Take the target's part of the log-softmax, some rows at a time."""
        found = []
        for rows, wanted in _some_rows(logits, targets):
            of_target = rows.gather(1, wanted).float()
            losses = -F.log_softmax(rows, dim=-1, dtype=torch.float32).gather(1, wanted)
            found.append(cat((losses, of_target + losses), dim=1))
        ctx.save_for_backward(logits, targets)
        losses, denominators = cat(found).unbind(dim=1)
        return losses, denominators

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_loss: Tensor, by_denominator: Tensor) -> tuple[Tensor, None]:
        """The gradient of the logits is softmax * (by_loss + by_denominator), less by_loss at the target."""
        logits, targets = ctx.saved_tensors
        gradient = torch.empty_like(logits)
        for rows, wanted, out, loss, total in _some_rows(logits, targets, gradient, by_loss, by_loss + by_denominator):
            softmax = F.softmax(rows, dim=-1, dtype=torch.float32)
            out.copy_(softmax.mul_(total).scatter_add_(1, wanted, -loss))
        return gradient, None


def _some_rows(logits: Tensor, *others: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Groups of rows of logits (n, vocab), as large as IN_FLOAT32 allows, with the same rows of `others`; (n) becomes (n, 1)."""
    rows = max(1, IN_FLOAT32[logits.device.type] // logits.shape[1])
    columns = [other if other.ndim == 2 else other[:, None] for other in others]
    return zip(*(tensor.split(rows) for tensor in (logits, *columns)), strict=True)


class NextTokenLoss(nn.Module):
    """Network and loss in one module, which the training engine wraps.

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
        chunk = max(1, LOGITS_BYTES // (self.network.config.vocab_size * hidden.element_size()))
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
        losses, denominators = CrossEntropy.apply(self.network.unembed(hidden), targets)
        if self.z_loss and self.training:
            losses = losses + self.z_loss * denominators.square()
        return losses.mean() if reduction == "mean" else losses
