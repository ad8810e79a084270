import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.schedule import learning_rate
from model.train_config import TrainConfig


def rates(**fields: object) -> list[float]:
    config = TrainConfig(learning_rate=1.0, min_learning_rate=0.1, **fields)
    return [learning_rate(step, config) for step in range(config.steps)]


def test_cosine_by_hand() -> None:
    expected = [0.5, 1.0, *(0.1 + 0.45 * (1 + math.cos(math.pi * k / 4)) for k in (1, 2, 3, 4))]
    assert rates(steps=6, warmup_steps=2) == pytest.approx(expected)


def test_linear_by_hand() -> None:
    assert rates(steps=5, warmup_steps=1, schedule="linear") == pytest.approx([1.0, 0.775, 0.55, 0.325, 0.1])


def test_constant_and_no_warmup() -> None:
    assert rates(steps=3, warmup_steps=0, schedule="constant") == [1.0, 1.0, 1.0]
    assert rates(steps=3, warmup_steps=3) == pytest.approx([1 / 3, 2 / 3, 1.0])


@given(
    steps=st.integers(1, 300), warmup=st.integers(0, 300), schedule=st.sampled_from(["cosine", "linear", "constant"])
)
def test_rises_to_the_peak_then_never_rises(steps: int, warmup: int, schedule: str) -> None:
    warmup = min(warmup, steps)
    values = rates(steps=steps, warmup_steps=warmup, schedule=schedule)
    assert all(0 < value <= 1 for value in values)
    assert values[:warmup] == sorted(values[:warmup])
    assert values[warmup:] == sorted(values[warmup:], reverse=True)
    if schedule != "constant" and warmup < steps:
        assert values[-1] == pytest.approx(0.1)
