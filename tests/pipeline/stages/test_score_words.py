"""How scores are said: a network that is worse is called worse, and no interval is shown where there is none."""

import pytest

from pipeline.stages.score_words import compared, interval, rivals


def rival(value: float, low: float | None, high: float | None) -> dict[str, object]:
    return {"bits_per_byte": 2.0, "difference": {"value": value, "low": low, "high": high}}


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        ((0.25, 0.125, 0.5), "the network is better by 0.2500 [0.1250, 0.5000]"),
        ((-0.25, -0.5, -0.125), "the network is worse by 0.2500 [0.1250, 0.5000]"),
        ((0.25, -0.125, 0.5), "the network is better by 0.2500 [-0.1250, 0.5000], which may be chance"),
        ((-0.25, -0.5, 0.125), "the network is worse by 0.2500 [-0.1250, 0.5000], which may be chance"),
        ((-0.25, None, None), "the network is worse by 0.2500 on too few documents to say how sure that is"),
    ],
)
def test_better_worse_and_chance(difference: tuple[float, float | None, float | None], said: str) -> None:
    assert compared(rival(*difference)) == said


def test_an_interval_that_there_is_not() -> None:
    assert interval({"value": 1.5, "low": None, "high": None}, 2) == "1.50"
    assert interval({"value": 1e308, "low": 1.0, "high": 1e308}, 2) == "above 1e+308 [1.00, above 1e+308]"


def test_the_models_are_those_of_the_scores() -> None:
    """Scores of earlier versions have a bigram."""
    one = rival(1, 1, 1)
    test = {"documents": 3, "perplexity": {"value": 1.0}, "unigram": one, "bigram": one, "3-gram": one}
    assert list(rivals(test)) == ["Kneser-Ney 3-gram", "Kneser-Ney bigram", "unigram"]
