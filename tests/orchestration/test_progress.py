"""Progress: done / total, rate and time left; plain lines where there is no terminal."""

import io
import threading
import time
from collections import deque

import pytest
from rich.console import Console

import orchestration.progress as progress
from orchestration.progress import Display, Work, duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (59.4, "59s"), (59.6, "1m00s"), (190, "3m10s"), (3599.7, "1h00m"), (7500, "2h05m"), (90_000, "25h00m")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def work_that_went(*marks: tuple[float, int], total: int = 900, note: str = "") -> Work:
    """Work seen at `(seconds ago, done)`."""
    now = time.monotonic()
    return Work("pretrain", "steps", total, marks[-1][1], note, marks=deque((now - ago, done) for ago, done in marks))


def test_a_line_says_done_total_rate_and_time_left() -> None:
    work = work_that_went((20, 20), (0, 120), note="loss 5.2")
    assert work.line() == "pretrain: 120 / 900 steps, 5 steps/s, 2m36s left, loss 5.2"
    work = work_that_went((10, 0), (0, 12_000), total=12_000)
    assert work.line() == "pretrain: 12,000 / 12,000 steps, 1,200 steps/s"


def test_what_was_found_done_does_not_enter_the_rate() -> None:
    assert Work("clean", "shards", 10, 6).line() == "clean: 6 / 10 shards"
    assert work_that_went((10, 6), (0, 6), total=10).line() == "pretrain: 6 / 10 steps"
    assert work_that_went((10, 600), (0, 601)).rate == pytest.approx(0.1)


def test_the_time_before_anything_was_done_does_not_enter_the_rate() -> None:
    work = work_that_went((100, 5), total=10)
    work.advance(5, 10, "")
    time.sleep(0.02)
    work.advance(7, 10, "")
    assert work.rate > 1


def test_the_rate_is_that_of_the_last_while() -> None:
    work = work_that_went((5000, 0), (30, 600))
    work.advance(660, 900, "")
    assert work.rate == pytest.approx(2, rel=0.01)


def plain_display() -> tuple[Display, io.StringIO]:
    output = io.StringIO()
    return Display(Console(file=output, force_terminal=False, width=60)), output


def test_plain_lines_come_now_and_then_also_when_nothing_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    display, output = plain_display()
    with display:
        for done in range(50):
            display.update("clean", done, 100, "shards", "a note that is longer than the sixty columns of this console")
        assert output.getvalue() == ""  # not one for each update
        monkeypatch.setattr(progress, "PLAIN_EVERY_SECONDS", 0.05)
        deadline = time.monotonic() + 20
        while output.getvalue().count("\n") < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
    lines = output.getvalue().splitlines()
    assert len(lines) >= 2
    assert all(line.startswith("clean: 49 / 100 shards") and line.endswith("of this console") for line in lines)


def test_finishing_takes_a_name_off_and_lets_it_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_EVERY_SECONDS", 0.0)
    display, output = plain_display()
    display.update("a", 3, 10, "shards")
    display.finish("a")
    display.finish("never seen")
    with display:
        time.sleep(1.2)
        assert output.getvalue() == ""
        display.update("a", 0, 5, "shards")
        deadline = time.monotonic() + 20
        while not output.getvalue() and time.monotonic() < deadline:
            time.sleep(0.05)
    assert output.getvalue().splitlines()[0] == "a: 0 / 5 shards"


def test_a_terminal_and_many_threads() -> None:
    output = io.StringIO()
    with Display(Console(file=output, force_terminal=True, width=100)) as display:

        def work(name: str) -> None:
            for done in range(20):
                display.update(name, done + 1, 20, "shards")
            display.say(f"{name} is [done]")
            display.finish(name)

        threads = [threading.Thread(target=work, args=(f"stage-{n}",)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all(f"stage-{n} is [done]" in output.getvalue() for n in range(6)), "brackets in a message are no markup"
