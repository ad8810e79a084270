"""Commands that run side by side, each in a process of its own."""

import ctypes
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.5
PR_SET_PDEATHSIG = 1  # the constant of linux/prctl.h
# The function is looked up at import: between fork and exec the child of a process with threads must not load a library.
PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


@dataclass(frozen=True)
class Command:
    """The arguments of a command, and the file to which its output is appended."""

    arguments: Sequence[str]
    log: Path


def run_processes(
    commands: Mapping[str, Command],
    at_once: int,
    on_poll: Callable[[Sequence[str]], None],
    should_stop: Callable[[], bool],
) -> dict[str, int]:
    """Run all commands in their order, `at_once` at a time; gives the exit code of each command that has ended, by name.

    `on_poll` is called every POLL_SECONDS with the names of the commands that run. When `should_stop` says so, no further
    command starts; those that run get SIGTERM and are waited for. When this function ends by an exception, the commands that
    still run are killed. On Linux they get SIGTERM also when this process is killed.
    """
    waiting, asked = list(commands), False
    running: dict[str, subprocess.Popen[bytes]] = {}
    ended: dict[str, int] = {}
    try:
        while running or (waiting and not should_stop()):
            while waiting and len(running) < at_once and not should_stop():
                name = waiting.pop(0)
                running[name] = _start(commands[name])
            if should_stop() and not asked:
                asked = True
                for process in running.values():
                    process.terminate()
            for name, process in list(running.items()):
                if process.poll() is not None:
                    ended[name] = running.pop(name).returncode
            on_poll(list(running))
            if running:
                time.sleep(POLL_SECONDS)
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    return ended


def _start(command: Command) -> "subprocess.Popen[bytes]":
    command.log.parent.mkdir(parents=True, exist_ok=True)
    with command.log.open("ab") as log:
        # The command has a session of its own, so that Ctrl-C in the terminal reaches it only once: through this process.
        return subprocess.Popen(
            command.arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_stop_with_parent,
        )


def _stop_with_parent() -> None:
    """Ask the kernel to send SIGTERM to the new process, in which this is called, when its parent ends. Only Linux can."""
    if PRCTL:
        PRCTL(PR_SET_PDEATHSIG, signal.SIGTERM)
