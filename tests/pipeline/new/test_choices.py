"""What is chosen for a text, a time and a machine, as properties that hold for all of them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.new.choices import Text, budget_seconds, choose, vocabulary_size
from pipeline.runs.machine import Machine

CPUS = Machine(2, 0, "", 50e9)
GPUS = Machine(64, 8, "H100", 8 * 350e12)
SIZES = st.integers(2_000, 10**13)
TEXTS = st.builds(Text, SIZES, st.integers(1, 10**9), st.sampled_from([512, 1024, 4096, 65536]), st.floats(1.0, 6.0))
TIMES = st.floats(60, 30 * 86400)
MACHINES = st.builds(Machine, st.integers(1, 256), st.integers(0, 64), st.just("X"), st.floats(1e9, 1e17))


@given(TEXTS, TIMES, MACHINES)
def test_every_choice_can_be_trained(text: Text, seconds: float, machine: Machine) -> None:
    chosen = choose(text, seconds, machine)
    assert chosen.epochs <= 4
    assert chosen.global_batch % chosen.ranks == 0 and chosen.ranks >= 1
    assert 0.005 <= chosen.held_out <= 0.1
    assert chosen.tokens > chosen.sequence_length == chosen.model.max_sequence_length
    assert chosen.model.d_model % chosen.model.n_heads == 0
    assert 0 < chosen.warmup_steps <= chosen.steps
    assert 0 < chosen.learning_rate <= 4e-3


@given(TEXTS, TIMES, MACHINES)
def test_the_training_takes_no_longer_than_there_is(text: Text, seconds: float, machine: Machine) -> None:
    chosen = choose(text, seconds, machine)
    assert chosen.steps == 1 or chosen.seconds <= seconds
    assert (
        chosen.seconds > chosen.steps * chosen.global_batch * chosen.sequence_length * chosen.parameters / machine.flops
    )


@given(TEXTS, SIZES, TIMES, MACHINES)
def test_more_text_gives_no_smaller_network(text: Text, more: int, seconds: float, machine: Machine) -> None:
    less, greater = choose(text, seconds, machine), choose(replace(text, bytes=more), seconds, machine)
    if more < text.bytes:
        less, greater = greater, less
    assert less.parameters <= greater.parameters


@given(SIZES, SIZES, st.floats(0, 1))
def test_more_text_gives_no_smaller_vocabulary(one: int, other: int, unspaced: float) -> None:
    assert vocabulary_size(min(one, other), unspaced) <= vocabulary_size(max(one, other), unspaced)
    assert vocabulary_size(one, 0) <= vocabulary_size(one, unspaced)


def test_the_limit_is_told() -> None:
    little, much = Text(10**6, 100, 1024, 3.0), Text(10**10, 10**6, 32768, 4.4)
    assert choose(little, 3600, CPUS).limit == "text"
    assert choose(much, 3600, CPUS).limit == "time"
    assert choose(little, 3600, CPUS).epochs == pytest.approx(3.5, rel=0.01)


def test_few_pieces_leave_less_to_train_on() -> None:
    chosen = choose(Text(40_000, 1, 1024, 3.0), 3600, CPUS)  # It is cut into three parts, one for each split.
    assert chosen.tokens == pytest.approx(40_000 / 3 / 3, rel=0.01)


def test_a_text_that_is_too_little() -> None:
    with pytest.raises(ValueError, match="add text"):
        choose(Text(200, 1, 300, 2.0), 3600, CPUS)


@pytest.mark.parametrize(
    ("budget", "machine", "seconds"),
    [
        ("30m", CPUS, 1800),
        ("8h", CPUS, 28800),
        (" 2D ", CPUS, 172800),
        ("0.5h", CPUS, 1800),
        ("24gpuh", GPUS, 3 * 3600),
    ],
)
def test_budgets(budget: str, machine: Machine, seconds: float) -> None:
    assert budget_seconds(budget, machine) == seconds


@pytest.mark.parametrize("budget", ["", "30", "m", "0h", "-3h", "1e9h", "3 h", "8hours", "1h30m", "24gpuh", "nan"])
def test_budgets_that_are_none(budget: str) -> None:
    with pytest.raises(ValueError, match=f"--budget {budget}: "):
        budget_seconds(budget, CPUS)
