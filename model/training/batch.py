"""The samples of a step, and what of them counts.

A sample is sequence_length + 1 token ids: inputs, and shifted by one, targets. A negative id is padding: it is no target, and
what follows it is not seen by anything before it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

Batches = Callable[[int, int], np.ndarray]


@dataclass(frozen=True)
class Data:
    """What a run reads."""

    batches: Batches
    """`batches(cursor, count)`: samples (count, sequence_length + 1) of the order, from number `cursor` on."""
    validation: dict[str, np.ndarray] = field(default_factory=dict)
    """Held-out samples by source."""
    order: dict[str, Any] = field(default_factory=dict)
    """What decides which sample a cursor means, as JSON values."""
    bytes_per_token: dict[str, float] = field(default_factory=dict)
    """UTF-8 bytes of the validation text by source, per token."""
    end_id: int = 0
    """The token that ends each document."""
    prompts: dict[str, list[int]] = field(default_factory=dict)
    """Beginnings of sample texts, with their token ids."""
    continued: Callable[[list[int], list[int]], str] = lambda prompt, ids: str(ids)
    """The text of new token ids behind those of a prompt."""


def count_targets(samples: np.ndarray) -> int:
    """Targets among samples (n, seq + 1) that are not padding."""
    return int((samples[:, 1:] >= 0).sum())


def document_numbers(tokens: Tensor, end_id: int) -> Tensor:
    """Of samples (batch, seq + 1) the number of the document, within its row, that each input (batch, seq) belongs to."""
    ends = (tokens[:, :-1] == end_id).int()
    return torch.cumsum(ends, dim=1) - ends  # an end belongs to what it ends
