"""What a training reads. The trainer knows no files of text or tokens: whoever calls it hands this over. Imports no torch."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

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
