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
PR_SET_PDEATHSIG = 1  # of linux/prctl.h
# Found beforehand: between fork and exec a process whose parent has threads must not load anything.
PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


@dataclass(frozen=True)
class Command:
    """What to run, and the file that what it prints is added to."""

    arguments: Sequence[str]
    log: Path


def run_processes(
    commands: Mapping[str, Command],
    at_once: int,
    on_poll: Callable[[Sequence[str]], None],
    should_stop: Callable[[], bool],
) -> dict[str, int]:
    """Run all commands in their order, `at_once` at a time; gives the exit code of each that has ended.

    `on_poll` hears every half second which ones run. When asked to stop nothing new starts, and what runs is asked to stop
    as well (SIGTERM) and waited for; whatever still runs at the end of this function, also by an exception, is killed. When
    this process is killed itself, what runs is asked to stop.
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
        # A session of its own: Ctrl-C in the terminal reaches it through us, once.
        return subprocess.Popen(
            command.arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_stop_with_parent,
        )


def _stop_with_parent() -> None:
    """In the new process: let the system ask it to stop when ours ends, however that may be. Only Linux can."""
    if PRCTL:
        PRCTL(PR_SET_PDEATHSIG, signal.SIGTERM)
