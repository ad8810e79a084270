import threading
import time

import numpy as np
import torch

from model.formats.progress import Progress
from model.training.batch import count_targets, document_numbers
from model.training.prefetch import Prefetch


def test_targets_are_what_is_not_padding() -> None:
    samples = np.array([[5, 6, 7, -100], [-100, -100, -100, -100], [1, 2, 3, 4]])
    assert count_targets(samples) == 2 + 0 + 3


def test_an_end_belongs_to_the_document_that_it_ends() -> None:
    tokens = torch.tensor([[3, 4, 0, 5, 0, 0, 6, 9], [0, 1, 1, 1, 1, 1, 0, 2]])
    assert document_numbers(tokens, end_id=0).tolist() == [[0, 0, 0, 1, 1, 2, 3], [0, 1, 1, 1, 1, 1, 1]]


def test_a_batch_is_read_while_the_step_before_is_computed() -> None:
    calls: list[tuple[int, int, bool]] = []

    def batches(cursor: int, count: int) -> np.ndarray:
        calls.append((cursor, count, threading.current_thread() is threading.main_thread()))
        time.sleep(0.05)
        return np.full((count, 2), cursor)

    with Prefetch(batches) as reader:
        assert reader.take(0, 4)[0, 0] == 0
        reader.prepare(4, 4)
        time.sleep(0.1)
        begin = time.perf_counter()
        assert reader.take(4, 4)[0, 0] == 4
        assert time.perf_counter() - begin < 0.02
        reader.prepare(8, 4)
        assert reader.take(20, 2).tolist() == [[20, 20]] * 2  # a guess that was wrong
    assert calls[0] == (0, 4, True) and (4, 4, False) in calls and (20, 2, True) in calls


def test_ranges_that_were_left_out_are_joined() -> None:
    now = Progress.at_start()
    for first, end in ((10, 20), (30, 40), (40, 50), (60, 70), (25, 80), (90, 95), (95, 99)):
        now.leave_out(first, end)
    assert now.skipped == [(10, 20), (25, 80), (90, 99)]
