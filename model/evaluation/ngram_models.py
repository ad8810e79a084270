"""N-gram language models: what a network must beat to have learnt more than frequencies.

They are fitted on the network's own training tokens and scored on the same test tokens, so the figures stand side by side.
Arrays are token streams, (n,) integers, in which the separator parts the documents. No context reaches beyond the separator:
before the first token of a document, and of a stream, there are only separators, as many as the order asks for.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

# Chen and Goodman's discounts of counts of 1, 2 and from 3 on, where there are too few n-grams to estimate them; KenLM's
# `--discount_fallback` (Heafield et al. 2013) takes the same three.
FALLBACK = (0.5, 1.0, 1.5)


@dataclass(frozen=True)
class Unigram:
    """P(w) = (c(w) + 1) / (N + V), add-one smoothing."""

    log_probability: np.ndarray  # (vocab,) float64, nats

    def score(self, tokens: np.ndarray) -> np.ndarray:
        """Negative log-likelihood of each token, (n,) float64, nats."""
        return -self.log_probability[tokens]


@dataclass(frozen=True)
class Level:
    """What the model knows of contexts of one length; a context's number is its place in `contexts`."""

    contexts: (
        np.ndarray
    )  # (contexts,) int64, sorted: number of the context one shorter * vocab_size + the token before it
    backoff: np.ndarray  # (contexts,) float64: the weight of the shorter context
    grams: np.ndarray  # (grams,) int64, sorted: number of the context * vocab_size + the token after it
    discounted: np.ndarray  # (grams,) float64: (count of the gram - its discount) / sum of the counts of its context


@dataclass(frozen=True)
class KneserNey:
    """Interpolated, modified Kneser-Ney (Chen and Goodman 1998, section 3).

    P(w | h) = (c(h w) - D(c(h w))) / c(h .) + B(h) P(w | h'), h' being h without its first token; an unseen h leaves P(w | h').
    B(h) = (D1 N1(h .) + D2 N2(h .) + D3 N3(h .)) / c(h .), the N being the numbers of tokens seen once, twice and more often
    after h. c counts occurrences in the longest n-grams, and in the shorter ones the distinct tokens before them. Below the
    empty context stands the uniform distribution, so that every token has a probability above 0.
    """

    vocab_size: int
    separator: int
    levels: tuple[Level, ...]  # for contexts of 0, 1, ... tokens

    def score(self, tokens: np.ndarray) -> np.ndarray:
        """Negative log-likelihood of each token given those before it, (n,) float64, nats."""
        tokens = tokens.astype(np.int64)
        probability = np.full(len(tokens), 1 / self.vocab_size)
        context = np.zeros(len(tokens), dtype=np.int64)
        columns = _columns(_previous(tokens, self.separator), len(self.levels), self.separator)
        for level, before in zip(self.levels, columns, strict=True):
            # A context that was not seen has the number -1, and so have all longer ones.
            context = np.where(context < 0, -1, _find(level.contexts, context * self.vocab_size + before))
            gram = np.where(context < 0, -1, _find(level.grams, context * self.vocab_size + tokens))
            seen = np.where(gram < 0, 0.0, level.discounted[gram])
            probability = np.where(context < 0, probability, seen + level.backoff[context] * probability)
        return -np.log(probability)


def fit_unigram(streams: Iterable[np.ndarray], vocab_size: int) -> Unigram:
    """Count the tokens of all streams. Raises ValueError when there are none."""
    counts = np.zeros(vocab_size, dtype=np.int64)
    for stream in streams:
        counts += np.bincount(stream, minlength=vocab_size)
    if not counts.any():
        raise ValueError("unigram: there are no training tokens")
    return Unigram(np.log((counts + 1) / (counts.sum() + vocab_size)))


def fit_kneser_ney(streams: Sequence[np.ndarray], order: int, vocab_size: int, separator: int) -> KneserNey:
    """Count the n-grams of `order` tokens, and all shorter ones, in all streams. Raises ValueError when there are none.

    Memory: about 200 bytes a token for order 5 and real text.
    """
    assert order >= 1
    streams = [stream.astype(np.int64) for stream in streams if len(stream)]
    if not streams:
        raise ValueError("n-grams: there are no training tokens")
    tokens = np.concatenate(streams)
    previous = np.concatenate([_previous(stream, separator) for stream in streams])
    levels: list[Level] = []
    context = np.zeros_like(tokens)  # the number of each token's context
    shorter = None  # of the length before: the distinct contexts and grams, and the number of each token's gram
    for before in _columns(previous, order, separator):
        contexts, context = np.unique(context * vocab_size + before, return_inverse=True)
        grams, first, gram, counts = np.unique(
            context * vocab_size + tokens, return_index=True, return_inverse=True, return_counts=True
        )
        if shorter:
            # Each distinct gram is one more token that is seen before the gram without its first token.
            levels.append(_level(*shorter[:2], np.bincount(shorter[2][first]), vocab_size))
        shorter = (contexts, grams, gram)
    return KneserNey(vocab_size, separator, (*levels, _level(contexts, grams, counts, vocab_size)))


def _previous(tokens: np.ndarray, separator: int) -> np.ndarray:
    """The token before each, (n,) int64; before the first of the stream stands the separator."""
    return np.concatenate([[separator], tokens[:-1]])[: len(tokens)]


def _columns(previous: np.ndarray, order: int, separator: int) -> Iterator[np.ndarray]:
    """What contexts of 0, 1, ..., order - 1 tokens have more than those one shorter, each (n,) int64: 0 stands for nothing,
    then comes the token before each token, then the one before that."""
    yield np.zeros_like(previous)
    column = previous
    for _ in range(1, order):
        yield column
        column = np.where(previous == separator, separator, np.roll(column, 1))


def _find(codes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The place of each wanted code in the sorted codes, (n,) int64; -1 for one that is not there."""
    place = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
    return np.where(codes[place] == wanted, place, -1)


def _level(contexts: np.ndarray, grams: np.ndarray, counts: np.ndarray, vocab_size: int) -> Level:
    context = grams // vocab_size
    discount = _discounts(counts)[np.minimum(counts, 3)]  # (grams,)
    total = np.bincount(context, weights=counts)
    backoff = np.bincount(context, weights=discount) / total
    return Level(contexts, backoff, grams, (counts - discount) / total[context])


def _discounts(counts: np.ndarray) -> np.ndarray:
    """What is taken from a count of 0, 1, 2, and from 3 on, (4,): Chen and Goodman 1998, equation 26."""
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == count)) for count in (1, 2, 3, 4))
    if n1 and n2 and n3:
        y = n1 / (n1 + 2 * n2)
        found = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        if all(0 < discount <= count for count, discount in enumerate(found, start=1)):
            return np.array([0, *found])
    return np.array([0, *FALLBACK])
