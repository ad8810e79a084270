"""Where a training is: what it counts, and what the guard against spikes remembers. A checkpoint holds it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, NonNegativeInt

from model.section import Section


class History(Section):
    """What the guard's decisions depend on; it is part of a checkpoint, so that a resumed run decides alike."""

    losses: tuple[float, ...] = ()
    """Losses of the newest applied steps, the oldest first."""
    norms: tuple[float, ...] = ()
    """Their gradient norms."""
    in_a_row: NonNegativeInt = 0
    """Spikes since the last applied step."""
    skipped: NonNegativeInt = 0
    """Spikes in all."""
    rewinds: NonNegativeInt = 0
    """Times that the run went back."""


class Progress(BaseModel):
    """How far a training is. The trainer changes it with each step."""

    model_config = ConfigDict(extra="forbid")

    step: NonNegativeInt
    """Steps done, those that were left out among them."""
    cursor: NonNegativeInt
    """Samples taken since the start."""
    tokens: NonNegativeInt
    """Tokens trained on."""
    loss: float
    """Loss of the last step that was not left out, nats per token."""
    validation: dict[str, float]
    """Newest validation loss by source, nats per token."""
    guard: History = History()
    """What the guard against spikes goes by."""
    skipped: list[tuple[NonNegativeInt, NonNegativeInt]] = []
    """Ranges [from, to) of the cursor that were left out."""
    parent: dict[str, Any] | None = None
    """Identity of the checkpoint or folder that the run began from, and what was taken over; null: random weights."""

    @classmethod
    def at_start(cls, parent: dict[str, Any] | None = None) -> "Progress":
        """The progress of a run that has done nothing yet."""
        return cls(step=0, cursor=0, tokens=0, loss=float("nan"), validation={}, parent=parent)

    def leave_out(self, first: int, end: int) -> None:
        """Note that the samples [first, end) were not trained on."""
        while self.skipped and self.skipped[-1][1] >= first:
            first = min(first, self.skipped.pop()[0])
        self.skipped.append((first, end))
