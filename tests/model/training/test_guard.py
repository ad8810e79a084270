import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.formats.progress import History
from model.training.guard import SpikeConfig, applied, decide, is_spike, rewound, skipped

CONFIG = SpikeConfig(deviations=3.0, window=8, patience=3, rewinds=1)
CALM = (2.0, 2.2, 1.8, 2.0, 2.1, 1.9)  # mean 2, deviation sqrt(0.1 / 5) = 0.1414, so 3 deviations are 0.4243
NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("in_a_row", "rewinds", "loss", "norm", "has_checkpoint", "decision"),
    [
        (0, 0, 2.0, 2.0, True, "apply"),
        (0, 0, 2.42, 2.0, True, "apply"),
        (0, 0, 2.43, 2.0, True, "skip"),
        (0, 0, 2.0, 2.43, True, "skip"),
        (0, 0, 0.1, 0.1, True, "apply"),  # falling is no spike
        (0, 0, NAN, 2.0, True, "skip"),
        (0, 0, 2.0, NAN, True, "skip"),
        (0, 0, 2.0, INF, True, "skip"),
        (0, 0, -INF, 2.0, True, "skip"),
        (1, 0, 9.0, 2.0, True, "skip"),
        (2, 0, 9.0, 2.0, True, "rewind"),
        (2, 0, 2.0, 2.0, True, "apply"),
        (2, 0, 9.0, 2.0, False, "stop"),
        (2, 1, 9.0, 2.0, True, "stop"),
        (1, 1, 9.0, 2.0, True, "skip"),
    ],
)
def test_decisions(in_a_row: int, rewinds: int, loss: float, norm: float, has_checkpoint: bool, decision: str) -> None:
    history = History(losses=CALM, norms=CALM, in_a_row=in_a_row, rewinds=rewinds)
    assert decide(history, loss, norm, CONFIG, has_checkpoint) == decision


@pytest.mark.parametrize(
    ("before", "value", "config", "spike"),
    [
        ((), 1e9, CONFIG, False),
        (CALM[:3], 1e9, CONFIG, False),  # not yet half a window
        (CALM[:4], 1e9, CONFIG, True),
        (CALM, 1e9, SpikeConfig(window=8), False),  # 0 deviations: only what is not finite
        (CALM, INF, SpikeConfig(window=8), True),
        ((), NAN, CONFIG, True),
        ((2.0,) * 8, 2.0, CONFIG, False),
        ((2.0,) * 8, 2.1, CONFIG, True),
    ],
)
def test_what_a_spike_is(before: tuple[float, ...], value: float, config: SpikeConfig, spike: bool) -> None:
    assert is_spike(before, value, config) == spike


def test_only_applied_steps_enter_the_window() -> None:
    history = History(losses=tuple(range(8)), norms=tuple(range(8)), in_a_row=2, skipped=5)
    after = applied(history, 8.0, 9.0, CONFIG)
    assert after.losses == (1, 2, 3, 4, 5, 6, 7, 8.0) and after.norms[-1] == 9.0
    assert (after.in_a_row, after.skipped) == (0, 5)
    assert skipped(history) == History(losses=history.losses, norms=history.norms, in_a_row=3, skipped=6)


def test_going_back_keeps_what_is_counted_over_the_run() -> None:
    old = History(losses=CALM, norms=CALM, in_a_row=1, skipped=1, rewinds=0)
    now = History(losses=CALM[:1], norms=CALM[:1], in_a_row=3, skipped=4, rewinds=0)
    assert rewound(old, now) == History(losses=CALM, norms=CALM, in_a_row=0, skipped=4, rewinds=1)


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=8), st.integers(0, 9), st.integers(0, 9))
def test_a_history_survives_json(values: list[float], in_a_row: int, rewinds: int) -> None:
    history = History(losses=values, norms=values, in_a_row=in_a_row, skipped=in_a_row, rewinds=rewinds)
    assert History.model_validate(json.loads(json.dumps(history.model_dump(mode="json")))) == history


def test_a_steady_run_of_spikes_ends() -> None:
    history, decisions = History(losses=CALM, norms=CALM), []
    while not decisions or decisions[-1] != "stop":
        decisions.append(decide(history, NAN, 1.0, CONFIG, True))
        now = skipped(history)
        history = rewound(History(losses=CALM, norms=CALM), now) if decisions[-1] == "rewind" else now
    assert decisions == ["skip", "skip", "rewind", "skip", "skip", "stop"]
    assert history.skipped == 6
