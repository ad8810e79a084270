"""Which keys each query attends to: causal, in a sliding window, within its document; and ALiBi's penalty on distance.

One rule (`visibility`) in the form that each backend takes:
- None: causality alone, which `scaled_dot_product_attention` knows by itself
- a Tensor (batch or 1, n_heads or 1, queries, keys): True where seen, or floats to add to the scores
- `FlexMask`: for FlexAttention, which works the rule out inside its kernel and skips blocks that nobody sees
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.attention.flex_attention import BlockMask, create_block_mask

from model.network.config import ModelConfig
from model.network.positions import alibi_slopes

Visibility = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class FlexMask:
    """The mask in the form that FlexAttention takes; `slopes` (n_heads,) are ALiBi's, or None."""

    mask: BlockMask
    slopes: Tensor | None


Mask = Tensor | FlexMask | None


def visibility(window: int | None, documents: Tensor | None, offset: int) -> Visibility:
    """A rule on indices (batch, head, query, key), of any shapes that broadcast: whether the query sees the key.

    Query 0 is the token `offset`; `documents` (batch, seq) numbers the document of each token.
    """

    def sees(batch: Tensor, head: Tensor, query: Tensor, key: Tensor) -> Tensor:
        seen = key <= query + offset
        if window is not None:
            seen = seen & (key > query + offset - window)
        if documents is not None:
            seen = seen & (documents[batch, query] == documents[batch, key])
        return seen

    return sees


def make_mask(
    config: ModelConfig,
    window: int | None,
    queries: int,
    like: Tensor,
    documents: Tensor | None = None,
    offset: int = 0,
    flex: bool = False,
) -> Mask:
    """The mask of `queries` tokens, to which `offset` cached ones came before, in the cheapest form that serves.

    `like` has the device and the type of the scores. With `flex`, what causality does not cover goes to FlexAttention.
    """
    keys = offset + queries
    alibi = config.positions == "alibi"
    unbounded = window is None or window >= keys
    if unbounded and documents is None and offset == 0 and not alibi and config.attention_softcap is None:
        return None
    sees = visibility(None if unbounded else window, documents, offset)
    batches = 1 if documents is None else len(documents)
    slopes = torch.tensor(alibi_slopes(config.n_heads), device=like.device) if alibi else None
    if flex:
        rows = None if documents is None else batches
        return FlexMask(create_block_mask(sees, rows, None, queries, keys, device=like.device), slopes)
    batch = torch.arange(batches, device=like.device)[:, None, None, None]
    query = torch.arange(queries, device=like.device)[:, None]
    key = torch.arange(keys, device=like.device)
    seen = sees(batch, torch.zeros_like(batch), query, key)  # (batch or 1, 1, queries, keys)
    seen = seen.expand(batches, 1, queries, keys)
    if slopes is None:
        return seen
    penalty = slopes[:, None, None] * (query + offset - key)  # (n_heads, queries, keys)
    return torch.where(seen, -penalty, float("-inf")).to(like.dtype)
