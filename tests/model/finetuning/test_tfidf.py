"""Logistic regression on TF-IDF, beside what scikit-learn 1.9.1 gives with its defaults."""

import random

from model.finetuning.examples import Example, Examples
from model.finetuning.tfidf import tfidf_labels, tfidf_scores

KINDS = (["sea", "boat", "net", "tide"], ["field", "plough", "seed", "rain"], ["court", "judge", "law", "oath"])
WORDS = [*KINDS[0], *KINDS[1], *KINDS[2], "the", "a", "of", "and"]
SCIKIT_LEARN = "111010000010012002010212202022002012022012002022022011212011"  # of `make(0, 30)`, for `make(30, 90)`


def text(kind: int, seed: int) -> str:
    """Eight words, a third of them of a kind's own four, some with a capital."""
    chooser = random.Random(seed)

    def word() -> str:
        return chooser.choice(KINDS[kind] if chooser.random() < 0.3 else WORDS)

    return " ".join(word().title() if chooser.random() < 0.2 else word() for _ in range(8))


def make(first: int, end: int) -> list[Example]:
    return [Example(text(number % 3, number), str(number % 3)) for number in range(first, end)]


def test_the_classes_are_scikit_learns() -> None:
    examples = Examples(make(0, 30), make(30, 90), ["0", "1", "2"], {})
    assert "".join(tfidf_labels(examples)) == SCIKIT_LEARN
    assert tfidf_scores(examples)["accuracy"] == 40 / 60


def test_texts_without_a_known_word_get_the_commonest_class() -> None:
    training = [Example("sea boat", "a"), Example("rain field", "b"), Example("rain net", "b")]
    assert tfidf_labels(Examples(training, [Example("?", "a"), Example("judge", "a")], ["a", "b"], {})) == ["b", "b"]
    wordless = Examples(
        [Example("!", "a"), Example("?", "b"), Example(".", "b")], [Example("sea", "a")], ["a", "b"], {}
    )
    assert tfidf_labels(wordless) == ["b"]
