"""How a command ends when it cannot go on: with one clear line and an exit code, without a traceback.

Exit code 2 stands for a mistake of the user, 1 for something that failed while running, 130 for Ctrl-C and 143 for SIGTERM.
"""

import functools
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import typer

from orchestration.disk import DiskFull, disk_full, find_full_disk


class StageFailed(RuntimeError):
    """A stage failed. The message says which stage and why; `details` has the traceback, for those who want it."""

    def __init__(self, stage: str, cause: BaseException) -> None:
        line = next(iter(str(cause).strip().splitlines()), "")
        says_enough = isinstance(cause, ValueError | DiskFull) or hasattr(cause, "details")
        kind = type(cause).__name__
        super().__init__(f"{stage}: {line if says_enough and line else f'{kind}: {line}' if line else kind}")
        self.stage = stage
        self.details = getattr(cause, "details", "") or "".join(traceback.format_exception(cause))


class CheckFailed(Exception):
    """What was made did not pass its check, and was thrown away; the message says which check and by how much."""


class RunStopped(Exception):
    """A signal, whose number is `signal`, asked the run to stop, and it did."""

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by signal {number}")
        self.signal = number


def report_failures(command: Callable[..., None]) -> Callable[..., None]:
    """Wrap a command so that an exception becomes a line on the error stream and an exit code (typer.Exit).

    An exception that is nobody's known failure is raised further, with its traceback.
    """

    @functools.wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except typer.Exit:
            raise
        except KeyboardInterrupt:
            _end("stopped", 128 + signal.SIGINT)
        except BrokenPipeError:  # The program that reads our output has ended.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except Exception as error:
            _explain(_full_disk(error, kwargs) or error)

    return guarded


def _full_disk(error: Exception, arguments: Mapping[str, Any]) -> Exception | None:
    """What there is to say when a full disk has caused an error: where the command writes, by the options that say so."""
    found = find_full_disk(error)
    if found is None or (isinstance(error, StageFailed) and isinstance(error.__cause__, DiskFull)):
        return None
    if isinstance(found, DiskFull):
        return found
    options = [name for name in ("to", "out", "workdir") if arguments.get(name)]
    return disk_full(Path(arguments[options[0]]), option=f"--{options[0]}") if options else None


def _explain(error: Exception) -> None:
    if isinstance(error, RunStopped):
        _end("stopped; the same command goes on from here", 128 + error.signal)
    if isinstance(error, StageFailed):
        if error.details and os.environ.get("GRISTMILL_TRACEBACK"):
            print(error.details, file=sys.stderr)
        _end(
            f"{error}\nwhat was finished is kept: mend the cause, and the same command goes on from there "
            "(GRISTMILL_TRACEBACK=1 shows where it failed)",
            1,
        )
    if isinstance(error, CheckFailed):
        _end(str(error), 1)
    if isinstance(error, ValueError) and not isinstance(error, UnicodeError):
        _end(str(error), 2)
    if isinstance(error, OSError):  # The disk may be full, or a folder not writable.
        _end(str(error), 1)
    raise error


def _end(message: str, code: int) -> None:
    print(f"gristmill: {message}", file=sys.stderr)
    raise typer.Exit(code)
