"""The samples of a step, and what of them counts.

A sample is sequence_length + 1 token ids: inputs, and shifted by one, targets. A negative id is padding: it is no target, and
what follows it is not seen by anything before it.
"""

import numpy as np
import torch
from torch import Tensor


def count_targets(samples: np.ndarray) -> int:
    """Targets among samples (n, seq + 1) that are not padding."""
    return int((samples[:, 1:] >= 0).sum())


def document_numbers(tokens: Tensor, end_id: int) -> Tensor:
    """The number of the document, within its row, that each input (batch, seq) of samples (batch, seq + 1) belongs to."""
    ends = (tokens[:, :-1] == end_id).int()
    return torch.cumsum(ends, dim=1) - ends  # an end belongs to what it ends
