"""How commands end: a line and an exit code; a traceback only where the fault is ours."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from orchestration.disk import DiskFull
from orchestration.shard_map import ShardFailed
from pipeline.failures import CheckFailed, RunStopped, StageFailed, report_failures


def end(error: BaseException) -> int:
    """The exit code of a command that ends with this exception."""

    @report_failures
    def command(workdir: Path) -> None:
        raise error

    with pytest.raises(typer.Exit) as ended:
        command(workdir=Path("work"))
    return int(ended.value.exit_code)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ValueError("vocab.size: too small"), 2, "gristmill: vocab.size: too small\n"),
        (StageFailed("clean", ShardFailed("shard 3: OSError", "where")), 1, "gristmill: clean: shard 3: OSError\n"),
        (StageFailed("clean", RuntimeError("one\ntwo")), 1, "gristmill: clean: RuntimeError: one\n"),
        (StageFailed("clean", MemoryError()), 1, "gristmill: clean: MemoryError\n"),
        (StageFailed("clean", DiskFull("disk full: work")), 1, "gristmill: clean: disk full: work\n"),
        (OSError(28, "No space left on device"), 1, "gristmill: disk full: work: needs more than it has, "),
        (CheckFailed("out: logits differ"), 1, "gristmill: out: logits differ\n"),
        (RunStopped(signal.SIGTERM), 143, "gristmill: stopped; the same command goes on from here\n"),
        (RunStopped(signal.SIGINT), 130, "gristmill: stopped; the same command goes on from here\n"),
        (KeyboardInterrupt(), 130, "gristmill: stopped\n"),
    ],
    ids=repr,
)  # fmt: skip
def test_exit_codes_and_messages(
    error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GRISTMILL_TRACEBACK", raising=False)
    assert end(error) == code
    output = capsys.readouterr()
    assert output.err.startswith(said)
    assert output.out == ""
    assert "Traceback" not in output.err
    assert ("same command goes on" in output.err) == isinstance(error, (RunStopped, StageFailed))


def test_details_are_shown_when_asked_for(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    error = StageFailed("clean", ShardFailed("shard 3 failed", "Traceback of the worker"))
    monkeypatch.setenv("GRISTMILL_TRACEBACK", "1")
    end(error)
    assert "Traceback of the worker" in capsys.readouterr().err


@pytest.mark.parametrize("error", [AssertionError("ours"), KeyError("a"), UnicodeDecodeError("utf-8", b"", 0, 1, "x")])
def test_a_fault_of_ours_keeps_its_traceback(error: Exception) -> None:
    @report_failures
    def command() -> None:
        raise error

    with pytest.raises(type(error)):
        command()


def test_a_command_that_ends_well_or_by_an_exit_of_its_own() -> None:
    @report_failures
    def command(code: int) -> None:
        """Say something."""
        if code:
            raise typer.Exit(code)

    command(0)
    with pytest.raises(typer.Exit) as ended:
        command(3)
    assert ended.value.exit_code == 3
    wrapped: Callable[..., None] = command
    assert wrapped.__doc__ == "Say something."
