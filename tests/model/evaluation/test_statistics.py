"""Confidence intervals: coverage on simulated data, known values, determinism."""

import numpy as np
import pytest

from model.evaluation import statistics
from model.evaluation.statistics import Interval, bootstrap_difference, bootstrap_ratio


def make_documents(seed: int, count: int = 80) -> tuple[np.ndarray, np.ndarray]:
    """Losses summed over documents of unequal lengths; 3 nats a token, with a part common to a document."""
    generator = np.random.default_rng(seed)
    tokens = generator.integers(50, 500, count)
    return tokens * (3 + 0.5 * generator.standard_normal(count)), tokens


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    hits = 0
    for seed in range(200):
        interval = bootstrap_ratio(*make_documents(seed), seed=0, resamples=400, level=0.9)
        hits += interval.low <= 3 <= interval.high
    assert 0.83 <= hits / 200 <= 0.96


def test_width_is_that_of_the_delta_method() -> None:
    numerators, tokens = make_documents(1, 400)
    interval = bootstrap_ratio(numerators, tokens, seed=3)
    residuals = numerators - interval.value * tokens
    error = np.sqrt((residuals**2).sum()) / tokens.sum()
    assert interval.value == pytest.approx(numerators.sum() / tokens.sum())
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * error, rel=0.1)
    narrow = bootstrap_ratio(numerators, tokens, seed=3, level=0.5)
    assert interval.low < narrow.low < narrow.value < narrow.high < interval.high


def test_a_paired_difference_is_sharper_than_two_intervals() -> None:
    numerators, tokens = make_documents(2)
    other = numerators + 0.05 * tokens
    difference = bootstrap_difference(numerators, other, tokens, seed=0)
    assert difference.value == pytest.approx(-0.05)
    assert difference.low < 0 and difference.high < 0
    assert (
        bootstrap_ratio(numerators, tokens, seed=0).high > bootstrap_ratio(other, tokens, seed=0).low
    )  # these overlap
    noise = np.random.default_rng(0).standard_normal(80) * tokens
    same = bootstrap_difference(numerators, numerators + noise, tokens, seed=0)
    assert same.low < 0 < same.high


def test_seed_decides_and_memory_blocks_lose_no_resample(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = make_documents(4)
    assert bootstrap_ratio(*documents, seed=1) == bootstrap_ratio(*documents, seed=1)
    assert bootstrap_ratio(*documents, seed=1) != bootstrap_ratio(*documents, seed=2)
    whole = bootstrap_ratio(*documents, seed=1, resamples=101)
    monkeypatch.setattr(statistics, "DRAWN_AT_ONCE", 80 * 7)  # 7 resamples at a time; the draws are the same stream
    assert bootstrap_ratio(*documents, seed=1, resamples=101) == whole


def test_empty_documents_count_for_nothing() -> None:
    numerators, tokens = make_documents(5)
    padded = bootstrap_ratio(np.append(numerators, [0, 0]), np.append(tokens, [0, 0]), seed=1)
    assert padded == bootstrap_ratio(numerators, tokens, seed=1)
    for size in (0, 3):
        with pytest.raises(ValueError, match=f"no interval over {size} documents"):
            bootstrap_ratio(np.zeros(size), np.zeros(size), seed=0)


def test_a_few_documents_have_no_interval() -> None:
    numerators, tokens = make_documents(4)
    assert bootstrap_ratio(numerators[:1], tokens[:1], seed=0).low is None
    few = bootstrap_ratio(np.append(numerators[:5], 0), np.append(tokens[:5], 0), seed=0)
    assert few == Interval(numerators[:5].sum() / tokens[:5].sum(), None, None)
    enough = bootstrap_ratio(numerators[:6], tokens[:6], seed=0)
    assert enough.low is not None and enough.high is not None and enough.low < enough.value < enough.high
