import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.training.batch_ramp import BatchRamp
from model.training.train_config import TrainConfig

RAMP = {"start": 8, "increment": 8, "samples": 60}


def test_the_batch_grows_in_equal_parts() -> None:
    ramp = BatchRamp(**RAMP)
    at = {cursor: ramp.size_at(cursor, 32) for cursor in (0, 19, 20, 39, 40, 59, 60, 10**9)}
    assert at == {0: 8, 19: 8, 20: 16, 39: 16, 40: 24, 59: 24, 60: 32, 10**9: 32}


@given(start=st.integers(1, 50), increment=st.integers(1, 50), rises=st.integers(1, 9), samples=st.integers(1, 9999))
def test_any_ramp_rises_from_start_to_the_end(start: int, increment: int, rises: int, samples: int) -> None:
    ramp, end = BatchRamp(start=start, increment=increment, samples=samples), start + rises * increment
    sizes = [ramp.size_at(cursor, end) for cursor in range(0, samples + 1)]
    assert sizes == sorted(sizes) and sizes[0] == start and sizes[-1] == end
    assert all((size - start) % increment == 0 for size in sizes)


def test_samples_of_a_run_are_those_of_its_steps() -> None:
    for steps in (1, 3, 6, 50):
        config = TrainConfig(steps=steps, warmup_steps=0, global_batch=32, micro_batch=4, batch_ramp=RAMP)
        cursor = 0
        for _ in range(steps):
            cursor += config.batch_at(cursor)
        assert config.total_samples == cursor
    assert TrainConfig(steps=7, warmup_steps=0, global_batch=32).total_samples == 7 * 32


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"micro_batch": None}, "set micro_batch"),
        ({"batch_ramp": RAMP | {"start": 32}}, "smaller than global_batch"),
        ({"batch_ramp": RAMP | {"increment": 7}}, "must divide global_batch - start"),
        ({"micro_batch": 8, "ranks": 2}, "batch_ramp.start .* multiple of ranks"),
        ({"batch_ramp": RAMP | {"start": 16, "increment": 4}, "micro_batch": 8}, "batch_ramp.increment .* multiple"),
    ],
)
def test_ramps_that_do_not_fit_are_refused(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainConfig(**({"global_batch": 32, "micro_batch": 4, "batch_ramp": RAMP} | change))
