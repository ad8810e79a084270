"""What every check shares: where it runs and how large, and how it tells what it found.

A check is a function `(case, figures)`. It fills `figures` with what it measured, raises AssertionError where something is wrong
and Skipped where it cannot run, and its docstring says what it compares with what.
"""

import subprocess
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import torch
from torch import Tensor

T = TypeVar("T")
Figures = dict[str, Any]


class Skipped(Exception):
    """Raised by a check that cannot run here; its message is the reason."""


@dataclass(frozen=True)
class Case:
    """Where the checks run."""

    device: torch.device
    small: bool
    """Whether sizes are those that a CPU takes in seconds."""
    folder: Path
    """Where checks may write; a later check finds there what an earlier one left."""

    def sized(self, full: T, small: T) -> T:
        """The one of two sizes that suits the machine."""
        return small if self.small else full


@dataclass(frozen=True)
class Check:
    """A check by its name, and the seconds after which it counts as failed."""

    name: str
    seconds: int
    run: Callable[[Case, Figures], None]


def needed_torch() -> str:
    """The oldest torch that Gristmill asks for."""
    project = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())["project"]
    [line] = [line for line in project["dependencies"] if line.startswith("torch>=")]
    return line.removeprefix("torch>=").split(",")[0]


def has_old_torch() -> bool:
    """Whether the torch here is older than the one that Gristmill asks for."""
    here, needed = (text.split(".")[:2] for text in (torch.__version__, needed_torch()))
    return [int(part) for part in here] < [int(part) for part in needed]


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End a process at once, with all that it started: torchrun's ranks would outlive it."""
    for child in psutil.Process(process.pid).children(recursive=True):
        child.kill()
    process.kill()
    process.wait()


def compare(figures: Figures, name: str, found: Tensor, expected: Tensor, tolerance: float) -> None:
    """Note how far `found` is from `expected`, as a share of the largest number expected; `beyond` lists what is too far."""
    found, expected = found.detach().double().cpu(), expected.detach().double().cpu()
    assert found.shape == expected.shape, f"{name}: shapes {tuple(found.shape)} and {tuple(expected.shape)}"
    scale = max(float(expected.abs().max()), 1e-30)
    figures[name] = {"difference": float((found - expected).abs().max()) / scale, "tolerance": tolerance}


def beyond(figures: Figures) -> list[str]:
    """What is farther from what was expected than its tolerance, a NaN included; one line each."""
    noted = {name: figure for name, figure in figures.items() if isinstance(figure, dict) and "tolerance" in figure}
    return [
        f"{name}: differs by {figure['difference']:.3g} of the largest, tolerance {figure['tolerance']:g}"
        for name, figure in noted.items()
        if not figure["difference"] <= figure["tolerance"]
    ]
