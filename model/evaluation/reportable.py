"""What may be reported as a result: a number, and not what an overflow or a damaged weight has left in place of one."""

import math
from collections.abc import Callable, Sequence

import numpy as np

LARGEST = 1e308  # a perplexity of so much stands for every larger one, which no float can hold


def check_scores(scores: np.ndarray | Sequence[float], name: Callable[[int], str]) -> None:
    """Raise ValueError for the first of the scores (n,) that is not finite; `name(i)` says what the i-th belongs to."""
    finite = np.isfinite(np.asarray(scores, dtype=np.float64))
    if not finite.all():
        first = int(np.argmin(finite))
        raise ValueError(
            f"{name(first)}: its score is {scores[first]}, which is no result; the network's numbers overflow there"
        )


def perplexity(nats: float, tokens: float) -> float:
    """exp(nats / tokens), at most LARGEST, nats being the sum of -ln p(token | the tokens before it) over all the tokens."""
    return min(LARGEST, float(np.exp(min(nats / tokens, math.log(LARGEST)))))


def bits_per_byte(nats: float, bytes: int) -> float:
    """nats / ln 2 / bytes, bytes being the UTF-8 length of the text: comparable between vocabularies, as perplexity is not."""
    return nats / math.log(2) / bytes
