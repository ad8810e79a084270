"""What a text's words alone tell of its class: logistic regression on TF-IDF, which a fine-tuning should not fall far below.

The features and the regression are scikit-learn's `TfidfVectorizer` and `LogisticRegression` with their defaults, so that the
score is the one that readers know. It imports no torch.
"""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import optimize, sparse, special

from model.finetuning.examples import Examples
from model.finetuning.scores import scores

WORD = re.compile(r"\b\w\w+\b")  # of two letters or more, in lower case
STEPS = 100  # of L-BFGS at most


def tfidf_scores(examples: Examples) -> dict[str, float]:
    """Scores on the held-out texts of a regression fitted to the training texts."""
    return scores([example.label for example in examples.test], tfidf_labels(examples))


def tfidf_labels(examples: Examples) -> list[str]:
    """The likeliest class of each held-out text by that regression."""
    vocabulary = sorted({word for example in examples.train for word in _words(example.text)})
    number = {word: n for n, word in enumerate(vocabulary)}
    counts = _counts([example.text for example in examples.train], number)
    frequency = 1 + np.bincount(counts.indices, minlength=len(number))  # documents with each word, and one more
    idf = np.log((1 + len(examples.train)) / frequency) + 1
    labels = np.array([examples.labels.index(example.label) for example in examples.train])
    weights, bias = _fit(_unit_rows(counts, idf), labels, len(examples.labels))
    held_out = _unit_rows(_counts([example.text for example in examples.test], number), idf)
    return [examples.labels[label] for label in (held_out @ weights + bias).argmax(axis=1)]


def _words(text: str) -> list[str]:
    return WORD.findall(text.lower())


def _counts(texts: Sequence[str], number: dict[str, int]) -> sparse.csr_array:
    """How often each text has each known word, (texts, words)."""
    found = [Counter(number[word] for word in _words(text) if word in number) for text in texts]
    rows = np.repeat(np.arange(len(texts)), [len(counts) for counts in found])
    columns = np.array([word for counts in found for word in counts], dtype=np.int64)
    values = np.array([times for counts in found for times in counts.values()], dtype=np.float64)
    return sparse.csr_array((values, (rows, columns)), shape=(len(texts), len(number)))


def _unit_rows(counts: sparse.csr_array, idf: np.ndarray) -> sparse.csr_array:
    """Counts weighed by idf, each row of length 1; a text without a known word stays 0."""
    weighed = counts @ sparse.diags_array(idf)
    lengths = np.sqrt(weighed.multiply(weighed).sum(axis=1))
    return sparse.diags_array(1 / np.where(lengths > 0, lengths, 1)) @ weighed


def _fit(features: sparse.csr_array, labels: np.ndarray, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Weights (words, classes) and biases (classes,) with the least cross-entropy plus half the squared weights."""
    words = features.shape[1]
    truth = np.eye(classes)[labels]  # (texts, classes)

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = flat[: words * classes].reshape(words, classes), flat[words * classes :]
        logits = special.log_softmax(features @ weights + bias, axis=1)
        error = np.exp(logits) - truth
        gradient = np.concatenate([(features.T @ error + weights).ravel(), error.sum(axis=0)])
        return float((weights * weights).sum() / 2 - (logits * truth).sum()), gradient

    start = np.zeros(words * classes + classes)
    best = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    return best[: words * classes].reshape(words, classes), best[words * classes :]
