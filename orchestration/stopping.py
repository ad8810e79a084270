"""Stopping a run: the first signal asks it to save what can be saved, and the second ends it at once."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


@dataclass
class StopFlag:
    """A flag that holds the number of the first SIGINT or SIGTERM, 0 before; calling it says whether one has come."""

    signal: int = 0

    def __call__(self) -> bool:
        return self.signal != 0


@contextmanager
def stop_on_signals(say: Callable[[str], None]) -> Iterator[StopFlag]:
    """Let Ctrl-C and SIGTERM set a flag inside the block, which gets that flag; the second signal ends the process at once.

    `say` is called with a line for the user at the first signal. Only the main thread of a process can ask for signals; in
    another one the flag stays unset.
    """
    flag = StopFlag()

    def handle(number: int, _frame: Any) -> None:
        if flag.signal:
            os._exit(128 + number)
        flag.signal = number
        # A thread says this, because the handler may have interrupted the display while that holds its lock.
        threading.Thread(target=say, args=("Stopping: saving what can be saved. Once more ends it at once.",)).start()

    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    earlier = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield flag
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
