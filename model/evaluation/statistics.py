"""Confidence intervals: how far a score would move on another test set of the same kind.

Documents, not tokens, are resampled: tokens of one document are not independent (Koehn 2004 for comparing systems in pairs).
A few documents say nothing of others, and resampling them gives an interval that is far too narrow, of width zero for one:
there is none then.
"""

from dataclasses import dataclass

import numpy as np

DRAWN_AT_ONCE = 1 << 22  # document numbers in memory at a time
# With fewer documents there is no interval: were two systems equal, one would be better on all of n documents with a
# probability of 2 / 2^n (the sign test), which is below 0.05 from six on.
FEWEST_DOCUMENTS = 6


@dataclass(frozen=True)
class Interval:
    """An estimate and its confidence interval; `low` and `high` are None where there are too few documents for one."""

    value: float
    low: float | None
    high: float | None


def bootstrap_ratio(
    numerators: np.ndarray, denominators: np.ndarray, seed: int, resamples: int = 2000, level: float = 0.95
) -> Interval:
    """Percentile bootstrap (Efron 1979) of sum(numerators) / sum(denominators) over documents, both (documents,).

    With nats and tokens of each document it is the loss; with bits and bytes, bits per byte. Deterministic in `seed`.
    Of fewer than FEWEST_DOCUMENTS documents with a size there is the ratio alone.
    Raises ValueError when there is no document or the denominators sum to 0.
    """
    numerators, denominators = np.asarray(numerators, np.float64), np.asarray(denominators, np.float64)
    assert numerators.shape == denominators.shape and numerators.ndim == 1
    if not denominators.sum() > 0:
        raise ValueError(f"no interval over {len(numerators)} documents whose sizes sum to {denominators.sum()}")
    kept = denominators > 0  # an empty document counts for nothing, and a resample of only such would divide by 0
    numerators, denominators = numerators[kept], denominators[kept]
    ratio = float(numerators.sum() / denominators.sum())
    if len(numerators) < FEWEST_DOCUMENTS:
        return Interval(ratio, None, None)
    generator = np.random.default_rng(seed)
    ratios = np.empty(resamples)
    step = max(1, DRAWN_AT_ONCE // len(numerators))
    for start in range(0, resamples, step):
        drawn = generator.integers(len(numerators), size=(min(step, resamples - start), len(numerators)))
        ratios[start : start + step] = numerators[drawn].sum(axis=1) / denominators[drawn].sum(axis=1)
    low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
    return Interval(ratio, float(low), float(high))


def bootstrap_difference(
    a: np.ndarray, b: np.ndarray, denominators: np.ndarray, seed: int, resamples: int = 2000, level: float = 0.95
) -> Interval:
    """Paired bootstrap of (sum(a) - sum(b)) / sum(denominators): two systems on the same documents, all (documents,).

    The systems differ at `level` where the interval excludes 0; below 0, a is smaller.
    """
    return bootstrap_ratio(np.asarray(a, np.float64) - np.asarray(b, np.float64), denominators, seed, resamples, level)
