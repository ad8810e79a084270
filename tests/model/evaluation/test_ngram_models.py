"""Unigram and Kneser-Ney of any order against plain implementations of the formulas."""

import math
from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.evaluation.ngram_models import fit_kneser_ney, fit_unigram

VOCAB = 12
SEPARATOR = 0

corpora = st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=40), min_size=1, max_size=3)


def make_stream(seed: int, length: int = 300) -> np.ndarray:
    """Skewed tokens below VOCAB - 1, so that one token is never seen; the last is the separator."""
    tokens = np.minimum(np.random.default_rng(seed).geometric(0.3, length) - 1, VOCAB - 2)
    tokens[-1] = SEPARATOR
    return tokens.astype(np.uint16)


class PlainKneserNey:
    """Chen and Goodman 1998, equations 23 to 26, with dictionaries and one n-gram at a time."""

    def __init__(self, streams: list[list[int]], order: int) -> None:
        self.order = order
        self.counts: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(order + 1)]  # by length
        for stream in streams:
            for place in range(len(stream)):
                self.counts[order][(*self.context(stream[:place]), stream[place])] += 1
        for length in range(order, 1, -1):
            self.counts[length - 1] = Counter(gram[1:] for gram in self.counts[length])
        self.discounts = [discounts_of(list(counts.values())) for counts in self.counts]
        self.followers: dict[tuple[int, ...], dict[int, int]] = defaultdict(dict)
        for counts in self.counts:
            for gram, count in counts.items():
                self.followers[gram[:-1]][gram[-1]] = count

    def context(self, before: list[int]) -> tuple[int, ...]:
        """The tokens before one, as many as the order sees; only separators before the last separator."""
        seen = [SEPARATOR] * (self.order - 1) + before
        cut = max((place for place, token in enumerate(seen) if token == SEPARATOR), default=0)
        return tuple([SEPARATOR] * cut + seen[cut:])[len(seen) - self.order + 1 :]

    def probability(self, context: tuple[int, ...], token: int) -> float:
        lower = self.probability(context[1:], token) if context else 1 / VOCAB
        followers = self.followers.get(context)
        if not followers:
            return lower
        discount = self.discounts[len(context) + 1]
        total = sum(followers.values())
        backoff = sum(discount[min(count, 3)] for count in followers.values()) / total
        count = followers.get(token, 0)
        return (count - discount[min(count, 3)]) / total + backoff * lower


def discounts_of(counts: list[int]) -> list[float]:
    n = [counts.count(times) for times in range(5)]
    if n[1] and n[2] and n[3]:
        y = n[1] / (n[1] + 2 * n[2])
        found = [times - (times + 1) * y * n[times + 1] / n[times] for times in (1, 2, 3)]
        if all(0 < discount <= times for times, discount in zip((1, 2, 3), found, strict=True)):
            return [0.0, *found]
    return [0.0, 0.5, 1.0, 1.5]


@pytest.mark.parametrize("order", [1, 2, 3, 5])
def test_kneser_ney_equals_the_plain_formula(order: int) -> None:
    streams = [make_stream(1), make_stream(2, 40)]
    model = fit_kneser_ney(streams, order, VOCAB, SEPARATOR)
    plain = PlainKneserNey([stream.tolist() for stream in streams], order)
    assert order == 1 or any(discounts[1] != 0.5 for discounts in plain.discounts)  # Not all are those of last resort.
    text = np.concatenate([make_stream(3, 60), [VOCAB - 1, 3], streams[0][:50]])
    expected = [plain.probability(plain.context(text[:n].tolist()), int(text[n])) for n in range(len(text))]
    np.testing.assert_allclose(model.score(text), -np.log(expected), rtol=1e-12)


@settings(deadline=None, max_examples=50)
@given(streams=corpora, order=st.integers(1, 5), context=st.lists(st.integers(0, VOCAB - 1), max_size=5))
def test_probabilities_sum_to_one(streams: list[list[int]], order: int, context: list[int]) -> None:
    model = fit_kneser_ney([np.array(stream) for stream in streams], order, VOCAB, SEPARATOR)
    total = sum(math.exp(-model.score(np.array([*context, token]))[-1]) for token in range(VOCAB))
    assert total == pytest.approx(1, abs=1e-12)


@settings(deadline=None, max_examples=50)
@given(streams=corpora, order=st.integers(1, 5))
def test_small_corpora_equal_the_plain_formula(streams: list[list[int]], order: int) -> None:
    model, plain = (
        fit_kneser_ney([np.array(s) for s in streams], order, VOCAB, SEPARATOR),
        PlainKneserNey(streams, order),
    )
    text = [1, 2, 3, 0, *streams[0]]
    expected = [plain.probability(plain.context(text[:n]), text[n]) for n in range(len(text))]
    np.testing.assert_allclose(model.score(np.array(text)), -np.log(expected), rtol=1e-10)


def test_no_context_reaches_beyond_the_separator() -> None:
    model = fit_kneser_ney([make_stream(1), make_stream(2, 40)], 4, VOCAB, SEPARATOR)
    alone = model.score(make_stream(5))
    assert np.array_equal(model.score(np.concatenate([make_stream(6), make_stream(5)]))[300:], alone)


def test_streams_are_counted_apart() -> None:
    """The end of one stream, which a bound on tokens may have cut, is no context of the next."""
    cut = [np.array([1, 2, 3]), np.array([4, 5, 0])]
    whole = [np.array([1, 2, 3, 4, 5, 0])]
    text = np.array([1, 2, 3, 4])
    assert (
        fit_kneser_ney(cut, 3, VOCAB, SEPARATOR).score(text)[3]
        > fit_kneser_ney(whole, 3, VOCAB, SEPARATOR).score(text)[3]
    )


def test_unigram_is_add_one() -> None:
    streams = [make_stream(1), make_stream(2, 40)]
    model = fit_unigram(streams, VOCAB)
    counts = Counter(np.concatenate(streams).tolist())
    for token in range(VOCAB):
        assert model.score(np.array([token]))[0] == pytest.approx(-math.log((counts[token] + 1) / (340 + VOCAB)))
    assert np.exp(model.log_probability).sum() == pytest.approx(1)


def test_a_longer_order_is_better_where_it_sees_more() -> None:
    stream = np.tile(np.array([1, 2, 3, 1, 2, 4, 0]), 50)
    two, three = (fit_kneser_ney([stream], order, VOCAB, SEPARATOR).score(stream).mean() for order in (2, 4))
    assert three < 0.05 < two < fit_unigram([stream], VOCAB).score(stream).mean()


def test_large_ids_do_not_overflow() -> None:
    vocab = 2**24
    stream = np.array([vocab - 1, vocab - 2, vocab - 1, vocab - 2, 0], dtype=np.int32)
    model = fit_kneser_ney([stream], 5, vocab, SEPARATOR)
    scores = model.score(np.array([vocab - 1, vocab - 2, vocab - 1, 3, 0]))
    assert scores[:3].max() < 2 and 10 < scores[3] < math.inf


def test_no_tokens_is_an_error() -> None:
    for streams in ([], [np.empty(0, dtype=np.uint16)]):
        with pytest.raises(ValueError, match="no training tokens"):
            fit_unigram(streams, VOCAB)
        with pytest.raises(ValueError, match="no training tokens"):
            fit_kneser_ney(streams, 5, VOCAB, SEPARATOR)
