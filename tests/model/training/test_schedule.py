import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.training.schedule import learning_rate
from model.training.train_config import TrainConfig

SCHEDULES = ["cosine", "linear", "inverse_sqrt", "constant", "warmup_stable_decay"]


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


def test_inverse_square_root_by_hand() -> None:
    expected = [0.5, 1.0, (2 / 3) ** 0.5, (2 / 4) ** 0.5, (2 / 5) ** 0.5]
    assert rates(steps=5, warmup_steps=2, schedule="inverse_sqrt") == pytest.approx(expected)
    assert rates(steps=2, warmup_steps=0, schedule="inverse_sqrt") == pytest.approx([1.0, 0.5**0.5])


def test_warmup_stable_decay_by_hand() -> None:
    wsd = {"schedule": "warmup_stable_decay", "steps": 10, "warmup_steps": 2}
    assert rates(**wsd, decay_share=0.3) == pytest.approx([0.5] + [1.0] * 6 + [0.7, 0.4, 0.1])
    assert rates(**wsd, decay_share=1.0) == pytest.approx(rates(**wsd | {"schedule": "linear"}))


@given(steps=st.integers(1, 300), warmup=st.integers(0, 300), schedule=st.sampled_from(SCHEDULES))
def test_rises_to_the_peak_then_never_rises(steps: int, warmup: int, schedule: str) -> None:
    warmup = min(warmup, steps)
    values = rates(steps=steps, warmup_steps=warmup, schedule=schedule)
    assert all(0 < value <= 1 for value in values)
    assert values[:warmup] == sorted(values[:warmup])
    assert values[warmup:] == sorted(values[warmup:], reverse=True)
    if schedule not in ("constant", "inverse_sqrt") and warmup < steps:
        assert values[-1] == pytest.approx(0.1)
