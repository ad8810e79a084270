"""One optimizer step: the global batch cut over ranks and micro-batches, the loss weighed by tokens, the guard asked."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from model.formats.progress import Progress
from model.training.batch import count_targets, document_numbers
from model.training.distributed import device
from model.training.engine import Engine
from model.training.guard import Decision, decide
from model.training.metrics import Meter
from model.training.prefetch import Prefetch
from model.training.schedule import learning_rate
from model.training.train_config import TrainConfig


@dataclass(frozen=True)
class StepOutcome:
    """What one step found, the same on all ranks."""

    loss: float
    """Nats per token, the mean over the tokens of the global batch."""
    norm: float
    """Norm of the gradient, before clipping."""
    samples: int
    """Samples of the global batch, padding included."""
    tokens: int
    """Targets of the global batch."""
    decision: Decision
    overflow: bool
    """Whether it was left out because gradients overflowed float16, which lowers the loss scale and is no spike."""
    stop: bool
    """Whether any rank was asked to stop."""


def take_step(
    engine: Engine,
    config: TrainConfig,
    now: Progress,
    batches: Prefetch,
    meter: Meter,
    should_stop: Callable[[], bool],
    end_id: int,
    has_checkpoint: bool,
) -> StepOutcome:
    """One step on the global batch at the cursor: each rank its share of the samples, micro-batch by micro-batch."""
    rank, ranks = dist.get_rank(), dist.get_world_size()
    size = config.batch_at(now.cursor)
    following = now.cursor + size
    with meter.phase("data"):
        mine = batches.take(now.cursor + rank * (size // ranks), size // ranks)  # (rank batch, seq + 1)
    batches.prepare(following + rank * (config.batch_at(following) // ranks), config.batch_at(following) // ranks)

    targets = torch.tensor(float(count_targets(mine)), dtype=torch.float64, device=device())
    if ranks > 1:
        dist.all_reduce(targets)  # from here on the targets of the global batch
    nats = torch.zeros((), dtype=torch.float64, device=device())
    for first in range(0, len(mine), config.rank_micro_batch):
        samples = mine[first : first + config.rank_micro_batch]
        with meter.phase("forward"):
            loss, count = mean_loss(engine, config, samples, end_id)
            nats += loss.detach() * count
        with meter.phase("backward"):
            # The loss counts by its share of the global batch's targets; the engine averages over the ranks.
            share = (count * ranks / targets).to(loss.dtype)
            engine.backward(loss * share, last=first + config.rank_micro_batch >= len(mine))
    mean, stop = agree(nats / targets, should_stop())

    decision: Decision | None = None

    def approve(norm: float) -> bool:
        nonlocal decision
        decision = decide(now.guard, mean, norm, config.spikes, has_checkpoint)
        return decision == "apply"

    with meter.phase("optimizer"):
        norm, updated = engine.step(learning_rate(now.step, config), approve)
    # The engine does not ask where gradients are not finite. While the loss scale is being found, that is no spike.
    overflow = decision is None and config.scales_loss and math.isfinite(mean)
    if decision is None and not overflow:
        approve(norm)
    assert updated == (decision == "apply")
    tokens = int(targets)
    meter.add_tokens(tokens)
    return StepOutcome(mean, norm, size, tokens, decision or "skip", overflow, stop)


def mean_loss(engine: Engine, config: TrainConfig, samples: np.ndarray, end_id: int) -> tuple[Tensor, int]:
    """The mean loss of a micro-batch (n, seq + 1) in nats per target (), and the number of its targets."""
    count, whole = count_targets(samples), bool((samples >= 0).all())
    tokens = torch.from_numpy(samples).to(device(), torch.int64)
    documents = document_numbers(tokens, end_id) if config.mask_documents else None
    if whole:
        return engine.loss(tokens, documents), count
    losses = engine.losses(tokens.clamp(min=0), documents)
    return losses[tokens[:, 1:].flatten() >= 0].sum() / max(1, count), count


def agree(loss: Tensor, stop: bool) -> tuple[float, bool]:
    """The sum of the ranks' losses (), and whether any of them wants to stop, in one reduction."""
    both = torch.stack((loss, torch.tensor(float(stop), dtype=loss.dtype, device=loss.device)))
    if dist.get_world_size() > 1:
        dist.all_reduce(both)
    total, stops = both.tolist()
    return total, stops > 0
