"""Checks that end in every way a check can, for the test of how check.py goes on after each."""

import os
import time

import torch

from tests.gpu.case import Case, Check, Figures, Skipped, compare


def passes(case: Case, figures: Figures) -> None:
    """One with one."""
    compare(figures, "ones", torch.ones(3), torch.ones(3), 0.0)


def differs(case: Case, figures: Figures) -> None:
    """A number that is none."""
    compare(figures, "nan", torch.full((3,), torch.nan), torch.ones(3), 0.1)


def is_skipped(case: Case, figures: Figures) -> None:
    raise Skipped("no such tool here")


def raises(case: Case, figures: Figures) -> None:
    figures["before"] = 1
    raise RuntimeError("CUDA error: an illegal memory access")


def dies(case: Case, figures: Figures) -> None:
    print("its last words", flush=True)
    os._exit(139)


def hangs(case: Case, figures: Figures) -> None:
    time.sleep(600)


CHECKS = (
    Check("passes", 60, passes),
    Check("differs", 60, differs),
    Check("is skipped", 60, is_skipped),
    Check("raises", 60, raises),
    Check("dies", 60, dies),
    Check("hangs", 1, hangs),
    Check("passes again", 60, passes),
)
