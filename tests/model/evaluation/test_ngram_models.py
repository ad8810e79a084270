"""Unigram and Kneser-Ney bigram against a plain implementation of the formulas."""

import math
from collections import Counter

import numpy as np
import pytest

from model.evaluation import ngram_models
from model.evaluation.ngram_models import fit_bigram, fit_unigram

VOCAB = 12
SEPARATOR = 0


def make_stream(seed: int, length: int = 300) -> np.ndarray:
    """Skewed tokens below VOCAB - 1, so that one token is never seen; the last is the separator."""
    tokens = np.minimum(np.random.default_rng(seed).geometric(0.3, length) - 1, VOCAB - 2)
    tokens[-1] = SEPARATOR
    return tokens.astype(np.uint16)


def plain_kneser_ney(streams: list[np.ndarray], before: int, after: int) -> float:
    pairs: Counter[tuple[int, int]] = Counter()
    for stream in streams:
        last = SEPARATOR
        for token in stream.tolist():
            pairs[last, token] += 1
            last = token

    def discount(counts: list[int]) -> float:
        return counts.count(1) / (counts.count(1) + 2 * counts.count(2)) if 1 in counts else 0.5

    preceding = Counter(w for _, w in pairs)
    d, d_low = discount(list(pairs.values())), discount(list(preceding.values()))
    low = max(preceding[after] - d_low, 0) / len(pairs) + d_low * len(preceding) / len(pairs) / VOCAB
    context = sum(count for (v, _), count in pairs.items() if v == before)
    if context == 0:
        return low
    followers = sum(1 for v, _ in pairs if v == before)
    return max(pairs[before, after] - d, 0) / context + d * followers / context * low


@pytest.fixture(params=[1 << 23, 7], ids=["whole", "chunks"])
def streams(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    monkeypatch.setattr(ngram_models, "CHUNK", request.param)
    return [make_stream(1), make_stream(2, 40)]


def test_bigram_equals_the_plain_formula(streams: list[np.ndarray]) -> None:
    model = fit_bigram(streams, VOCAB, SEPARATOR)
    for before in range(VOCAB):
        for after in range(VOCAB):
            scored = model.score(np.array([before, after], dtype=np.uint16))[1]
            assert scored == pytest.approx(-math.log(plain_kneser_ney(streams, before, after)), rel=1e-12)


def test_bigram_context_begins_at_the_separator(streams: list[np.ndarray]) -> None:
    model = fit_bigram(streams, VOCAB, SEPARATOR)
    for token in range(VOCAB):
        alone, after_separator = model.score(np.array([token])), model.score(np.array([SEPARATOR, token]))
        assert alone[0] == after_separator[1]
    both = model.score(np.concatenate([make_stream(5), make_stream(6)]))
    assert np.array_equal(both, np.concatenate([model.score(make_stream(5)), model.score(make_stream(6))]))


def test_bigram_probabilities_sum_to_one(streams: list[np.ndarray]) -> None:
    model = fit_bigram(streams, VOCAB, SEPARATOR)
    for before in (0, 1, 5, VOCAB - 2, VOCAB - 1):  # the last is never seen
        total = sum(math.exp(-model.score(np.array([before, after]))[1]) for after in range(VOCAB))
        assert total == pytest.approx(1, abs=1e-12)


def test_unigram_is_add_one(streams: list[np.ndarray]) -> None:
    model = fit_unigram(streams, VOCAB)
    counts = Counter(np.concatenate(streams).tolist())
    for token in range(VOCAB):
        assert model.score(np.array([token]))[0] == pytest.approx(-math.log((counts[token] + 1) / (340 + VOCAB)))
    assert np.exp(model.log_probability).sum() == pytest.approx(1)


def test_bigram_beats_unigram_where_order_matters() -> None:
    stream = np.tile(np.array([1, 2, 3, 4, 0]), 50)
    assert fit_bigram([stream], VOCAB, SEPARATOR).score(stream).mean() < 0.2
    assert fit_unigram([stream], VOCAB).score(stream).mean() > 1.5


def test_large_ids_do_not_overflow() -> None:
    vocab = 2**24
    stream = np.array([vocab - 1, vocab - 2, vocab - 1, vocab - 2, 0], dtype=np.int32)
    model = fit_bigram([stream], vocab, SEPARATOR)
    assert model.pairs.max() == (vocab - 1) * vocab + vocab - 2
    assert np.isfinite(model.score(np.array([3, vocab - 1, 0]))).all()


def test_no_tokens_is_an_error() -> None:
    for streams in ([], [np.empty(0, dtype=np.uint16)]):
        with pytest.raises(ValueError, match="no training tokens"):
            fit_unigram(streams, VOCAB)
        with pytest.raises(ValueError, match="no training tokens"):
            fit_bigram(streams, VOCAB, SEPARATOR)
