"""Unigram and bigram language models: what a network must beat to have learnt more than frequencies.

They are fitted on the network's own training tokens and scored on the same test tokens, so the figures stand side by side.
Arrays are token streams, (n,) integers, in which every document ends with the separator; the context of a stream's first
token is the separator too.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

CHUNK = 1 << 23  # tokens counted at a time: bounds the memory of sorting


@dataclass(frozen=True)
class Unigram:
    """P(w) = (c(w) + 1) / (N + V), add-one smoothing."""

    log_probability: np.ndarray  # (vocab,) float64, nats

    def score(self, tokens: np.ndarray) -> np.ndarray:
        """Negative log-likelihood of each token, (n,) float64, nats."""
        return -self.log_probability[tokens]


@dataclass(frozen=True)
class Bigram:
    """Interpolated Kneser-Ney (Chen and Goodman 1999, section 4.1.6) of order 2.

    P(w | v) = max(c(v w) - D, 0) / c(v) + D N(v .) / c(v) P'(w); an unseen v leaves P'(w).
    P'(w) = max(N(. w) - D', 0) / N(. .) + D' N(w seen) / N(. .) / V, the same discounting of the continuation counts, with
    the uniform distribution below, so that every token has a probability above 0.
    N(v .) is the number of distinct tokens after v, N(. w) of those before w, N(. .) of distinct pairs. D = n1 / (n1 + 2 n2),
    n1 and n2 being the number of pairs (for D': tokens) counted once and twice.
    """

    vocab_size: int
    separator: int
    pairs: np.ndarray  # (pairs,) int64, sorted: v * vocab_size + w of every pair seen
    discounted: np.ndarray  # (pairs,) float64: (c(v w) - D) / c(v)
    backoff: np.ndarray  # (vocab,) float64: weight of P' after v; 1 for an unseen v
    continuation: np.ndarray  # (vocab,) float64: P'

    def score(self, tokens: np.ndarray) -> np.ndarray:
        """Negative log-likelihood of each token given the one before, (n,) float64, nats."""
        codes = _pair_codes(tokens, self.separator, self.vocab_size)
        place = np.minimum(np.searchsorted(self.pairs, codes), len(self.pairs) - 1)
        seen = np.where(self.pairs[place] == codes, self.discounted[place], 0.0)
        before, after = np.divmod(codes, self.vocab_size)
        return -np.log(seen + self.backoff[before] * self.continuation[after])


def fit_unigram(streams: Iterable[np.ndarray], vocab_size: int) -> Unigram:
    """Count the tokens of all streams. Raises ValueError when there are none."""
    counts = np.zeros(vocab_size, dtype=np.int64)
    for stream in streams:
        counts += np.bincount(stream, minlength=vocab_size)
    if not counts.any():
        raise ValueError("unigram: there are no training tokens")
    return Unigram(np.log((counts + 1) / (counts.sum() + vocab_size)))


def fit_bigram(streams: Iterable[np.ndarray], vocab_size: int, separator: int) -> Bigram:
    """Count the pairs of all streams. Memory: 16 bytes a distinct pair. Raises ValueError when there are none."""
    pairs, counts = _count_pairs(streams, vocab_size, separator)
    if len(pairs) == 0:
        raise ValueError("bigram: there are no training tokens")
    before, after = np.divmod(pairs, vocab_size)
    continuation = _discounted_continuation(np.bincount(after, minlength=vocab_size))
    discount = _discount(counts)
    context = np.bincount(before, weights=counts, minlength=vocab_size)  # c(v)
    followers = np.bincount(before, minlength=vocab_size)  # N(v .)
    backoff = np.where(context > 0, discount * followers / np.maximum(context, 1), 1.0)
    return Bigram(vocab_size, separator, pairs, (counts - discount) / context[before], backoff, continuation)


def _pair_codes(tokens: np.ndarray, separator: int, vocab_size: int) -> np.ndarray:
    """v * vocab_size + w for every token w and the token v before it, (n,) int64."""
    codes = tokens.astype(np.int64)
    codes[1:] += tokens[:-1].astype(np.int64) * vocab_size
    codes[:1] += separator * vocab_size
    return codes


def _count_pairs(streams: Iterable[np.ndarray], vocab_size: int, separator: int) -> tuple[np.ndarray, np.ndarray]:
    """Distinct pair codes, sorted, and how often each was seen."""
    pairs, counts = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    for stream in streams:
        last = separator
        for start in range(0, len(stream), CHUNK):
            chunk = stream[start : start + CHUNK]
            more, times = np.unique(_pair_codes(chunk, last, vocab_size), return_counts=True)
            pairs, inverse = np.unique(np.concatenate([pairs, more]), return_inverse=True)
            # float64 sums of counts are exact below 2^53
            counts = np.bincount(inverse, weights=np.concatenate([counts, times])).astype(np.int64)
            last = int(chunk[-1])
    return pairs, counts


def _discounted_continuation(distinct: np.ndarray) -> np.ndarray:
    """P' from N(. w), (vocab,)."""
    discount = _discount(distinct[distinct > 0])
    uniform = discount * np.count_nonzero(distinct) / distinct.sum() / len(distinct)
    return np.maximum(distinct - discount, 0) / distinct.sum() + uniform


def _discount(counts: np.ndarray) -> float:
    """n1 / (n1 + 2 n2); 1/2 where nothing was counted once, since 0 would leave unseen tokens without probability."""
    once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    return once / (once + 2 * twice) if once else 0.5
