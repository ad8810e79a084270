"""What is a number that may be reported, and what is not."""

import json
import math

import numpy as np
import pytest

from model.evaluation.reportable import LARGEST, bits_per_byte, check_scores, perplexity


def test_perplexity_and_bits_per_byte() -> None:
    assert perplexity(10 * math.log(50), 10) == pytest.approx(50)
    assert bits_per_byte(8 * math.log(2), 4) == pytest.approx(2)


@pytest.mark.parametrize("nats_per_token", [710, 3000, 1e300])
def test_a_perplexity_above_every_float_is_the_largest_that_is_told(nats_per_token: float) -> None:
    assert perplexity(7 * nats_per_token, 7) == LARGEST
    assert json.loads(json.dumps(LARGEST, allow_nan=False)) == LARGEST
    assert perplexity(7 * 709, 7) < LARGEST


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_the_first_score_that_is_no_number_is_named(value: float) -> None:
    check_scores(np.array([1.0, 0.0]), str)
    check_scores([], str)
    with pytest.raises(ValueError, match=rf"^text 1: its score is {value}"):
        check_scores(np.array([1.0, value, value]), lambda number: f"text {number}")
