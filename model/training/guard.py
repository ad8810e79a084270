"""What to do with a step whose loss or gradient norm is out of line: a pure function of what came before.

A step is a spike when its loss or its norm is not finite, or lies more than `deviations` standard deviations above the mean of
the newest `window` steps that were applied. This is the rule of OLMo-core's SkipStepOptimizer (its numbers are 6 and 128, judged
from half a window on). A single spike is skipped. After `patience` in a row the state itself is under suspicion: the
run goes back to its newest checkpoint and leaves out the data since then (Chowdhery et al. 2022, section 5.1), at most
`rewinds` times; then it stops.
"""

import math
from typing import ClassVar, Literal

from pydantic import Field

from model.formats.progress import History
from model.section import ANY, Needs, Section

Decision = Literal["apply", "skip", "rewind", "stop"]


class SpikeConfig(Section):
    """When a step is left out."""

    needs: ClassVar[Needs] = {"window": {"deviations": ANY}}

    deviations: float = Field(default=0.0, ge=0)
    """From so far above the running mean on a loss or a gradient norm is a spike: 6 suits batches of many thousand tokens,
    small ones have such steps by nature; with 0 only what is not finite is a spike. Unit: standard deviations. Source:
    OLMo-core's SkipStepOptimizer."""
    window: int = Field(default=128, ge=4)
    """The mean and the deviation are taken over so many of the newest applied steps; nothing is judged before half of them
    are there. Unit: steps. Source: OLMo-core's SkipStepOptimizer."""
    patience: int = Field(default=8, gt=0)
    """After so many spikes in a row the run goes back to its newest checkpoint (Chowdhery et al. 2022, section 5.1). Unit:
    steps."""
    rewinds: int = Field(default=2, ge=0)
    """So many times the run goes back before it stops. Unit: times."""


def decide(history: History, loss: float, norm: float, config: SpikeConfig, has_checkpoint: bool) -> Decision:
    """What to do with a step of this loss (nats per token) and gradient norm (before clipping)."""
    if not is_spike(history.losses, loss, config) and not is_spike(history.norms, norm, config):
        return "apply"
    if history.in_a_row + 1 < config.patience:
        return "skip"
    return "rewind" if has_checkpoint and history.rewinds < config.rewinds else "stop"


def is_spike(before: tuple[float, ...], value: float, config: SpikeConfig) -> bool:
    """Whether `value` is out of line with those before it."""
    if not math.isfinite(value):
        return True
    if config.deviations == 0 or len(before) < config.window // 2:
        return False
    mean = math.fsum(before) / len(before)
    variance = math.fsum((x - mean) ** 2 for x in before) / (len(before) - 1)
    return value - mean > config.deviations * math.sqrt(variance)


def applied(history: History, loss: float, norm: float, config: SpikeConfig) -> History:
    """The history after a step that was applied."""
    losses = (*history.losses, loss)[-config.window :]
    norms = (*history.norms, norm)[-config.window :]
    return history.model_copy(update={"losses": losses, "norms": norms, "in_a_row": 0})


def skipped(history: History) -> History:
    """The history after a step that was left out."""
    return history.model_copy(update={"in_a_row": history.in_a_row + 1, "skipped": history.skipped + 1})


def rewound(at_checkpoint: History, now: History) -> History:
    """The history after going back to a checkpoint: that of the checkpoint, but with the counts over the whole run."""
    return at_checkpoint.model_copy(update={"in_a_row": 0, "skipped": now.skipped, "rewinds": now.rewinds + 1})
