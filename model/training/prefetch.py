"""Batches read ahead: while a step is computed, a thread reads the samples of the next one."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

import numpy as np

from model.training.inputs import Batches


class Prefetch:
    """Calls `batches(cursor, count)` one call in advance; it is a pure function, so a wrong guess costs time and nothing else."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._next: tuple[tuple[int, int], Future[np.ndarray]] | None = None

    def take(self, cursor: int, count: int) -> np.ndarray:
        """Samples (count, seq + 1) from `cursor` on."""
        ready, self._next = self._next, None
        if ready is not None and ready[0] == (cursor, count):
            return ready[1].result()
        return self._batches(cursor, count)

    def prepare(self, cursor: int, count: int) -> None:
        """Begin to read what the next `take` will ask for."""
        self._next = (cursor, count), self._thread.submit(self._batches, cursor, count)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(cancel_futures=True)
