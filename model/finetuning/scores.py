"""What a fine-tuning is worth: accuracy and macro-F1, over the seeds and beside what needs no network. Imports no torch."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from model.finetuning.examples import Examples

STARTS = ("pretrained", "random_weights")  # what a fine-tuning may begin from
SCORES = ("accuracy", "macro_f1")


def scores(truth: Sequence[str], predicted: Sequence[str]) -> dict[str, float]:
    """Accuracy, and macro-F1: the mean over the classes that occur in either of 2 TP / (2 TP + FP + FN)."""
    pairs = list(zip(truth, predicted, strict=True))
    f1 = []
    for label in sorted({*truth, *predicted}):
        hits = sum(t == p == label for t, p in pairs)
        f1.append(2 * hits / sum((t == label) + (p == label) for t, p in pairs))
    return {"accuracy": sum(t == p for t, p in pairs) / len(pairs), "macro_f1": sum(f1) / len(f1)}


def majority_scores(examples: Examples) -> dict[str, float]:
    """Scores of always giving the commonest class of the training texts (of equals the first by name)."""
    given = [example.label for example in examples.train]
    commonest = max(examples.labels, key=given.count)
    truth = [example.label for example in examples.test]
    return scores(truth, [commonest] * len(truth))


def comparison(
    results: Mapping[str, Sequence[Mapping[str, float]]], others: Mapping[str, Mapping[str, float]]
) -> dict[str, Any]:
    """Of each start, whose `results` are one a seed, the mean and the seeds of each score; beside them those of the `others`,
    which need no network."""
    table: dict[str, Any] = {
        start: {name: mean_and_seeds([result[name] for result in found]) for name in SCORES}
        for start, found in results.items()
    }
    return table | {other: {name: found[name] for name in SCORES} for other, found in others.items()}


def mean_and_seeds(values: Sequence[float]) -> dict[str, Any]:
    """The mean of a score over the seeds, and its value for each."""
    return {"mean": float(np.mean(values)), "seeds": list(values)}
