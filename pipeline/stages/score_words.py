"""How the scores of an evaluation are said, in the terminal, the report and the model card alike."""

from collections.abc import Mapping
from typing import Any

from model.evaluation.reportable import LARGEST


def interval(scores: Mapping[str, float | None], digits: int) -> str:
    """`value [low, high]`, or the value alone where there were too few documents for an interval."""
    value, low, high = scores["value"], scores["low"], scores["high"]
    assert value is not None
    if low is None or high is None:
        return number(value, digits)
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def number(value: float, digits: int) -> str:
    """A number with so many decimals; one of hundreds of digits, as a perplexity can be, by its exponent."""
    if value >= LARGEST:
        return f"above {LARGEST:.0e}"
    return f"{value:.{digits}f}" if abs(value) < 1e12 else f"{value:.{digits}e}"


def rivals(test: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The n-gram models that stand beside a network in the scores of a test split, by what they are called."""
    found = {name: scores for name, scores in test.items() if isinstance(scores, dict) and "difference" in scores}
    return {name if name == "unigram" else f"Kneser-Ney {name}": found[name] for name in sorted(found)}


def compared(rival: Mapping[str, Any]) -> str:
    """Whether the network is better than an n-gram model, in bits per byte, and whether the documents show it."""
    value, low, high = (rival["difference"][key] for key in ("value", "low", "high"))
    if low is None or high is None:
        return (
            f"the network is {_better(value)} by {number(abs(value), 4)} on too few documents to say how sure that is"
        )
    bounds = (low, high) if value >= 0 else (-high, -low)
    said = (
        f"the network is {_better(value)} by {number(abs(value), 4)} [{number(bounds[0], 4)}, {number(bounds[1], 4)}]"
    )
    return f"{said}, which may be chance" if low <= 0 <= high else said


def _better(difference: float) -> str:
    return "better" if difference >= 0 else "worse"
