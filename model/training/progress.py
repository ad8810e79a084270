"""Where a run is, and how a checkpoint says so."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from model.formats.checkpoint import CheckpointInfo
from model.network.config import ModelConfig
from model.training.guard import History
from model.training.train_config import TrainConfig


@dataclass
class Progress:
    step: int = 0
    """Steps done, those that were left out among them."""
    cursor: int = 0
    """Samples taken since the start."""
    tokens: int = 0
    """Tokens trained on."""
    loss: float = float("nan")
    """Loss of the last step that was not left out, nats per token."""
    validation: dict[str, float] = field(default_factory=dict)
    """Newest validation loss by source, nats per token."""
    history: History = field(default_factory=History)
    """What the guard against spikes goes by."""
    skipped: list[list[int]] = field(default_factory=list)
    """Ranges [from, to) of the cursor that were left out."""
    parent: dict[str, Any] | None = None
    """What the run began from, if not from random weights."""

    def leave_out(self, first: int, end: int) -> None:
        """Note that the samples [first, end) were not trained on."""
        while self.skipped and self.skipped[-1][1] >= first:
            first = min(first, self.skipped.pop()[0])
        self.skipped.append([first, end])


def at(info: CheckpointInfo) -> Progress:
    """Where a checkpoint was made."""
    return Progress(
        step=info.step,
        cursor=info.cursor,
        tokens=info.tokens,
        loss=info.loss,
        validation=dict(info.validation),
        history=History.from_json(info.guard),
        skipped=[list(span) for span in info.skipped],
        parent=info.parent,
    )


def describe(now: Progress, model: ModelConfig, config: TrainConfig, samples: dict[str, Any]) -> CheckpointInfo:
    """What a checkpoint of this moment says about itself, but for what the engine and its files add."""
    layout = {
        "ranks": config.ranks,
        "zero_stage": config.zero_stage,
        "dtype": config.dtype,
        "micro_batch": config.rank_micro_batch,
        "threads": torch.get_num_threads(),
    }
    return CheckpointInfo(
        folder=Path(),
        step=now.step,
        cursor=now.cursor,
        tokens=now.tokens,
        optimizer_steps=0,
        model=model.model_dump(mode="json"),
        train=config.model_dump(mode="json"),
        layout=layout,
        loss=now.loss,
        validation=now.validation,
        skipped=now.skipped,
        guard=now.history.to_json(),
        samples=samples,
        parent=now.parent,
    )
