"""Stopping a run: the first signal asks it to save what can be saved, the second ends it at once."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class StopFlag:
    """Set by the first SIGINT or SIGTERM; the second one ends the process at once."""

    signal: int = 0

    def __call__(self) -> bool:
        return self.signal != 0


@contextmanager
def stop_on_signals(say: Callable[[str], None]) -> Iterator[StopFlag]:
    """While inside, Ctrl-C and SIGTERM set the flag instead of raising."""
    flag = StopFlag()

    def handle(number: int, _frame: Any) -> None:
        if flag.signal:
            os._exit(128 + number)
        flag.signal = number
        # Not from within the handler: the display may hold its lock right now.
        threading.Thread(target=say, args=("Stopping: saving what can be saved. Once more ends it at once.",)).start()

    earlier = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield flag
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
