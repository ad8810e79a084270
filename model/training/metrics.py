"""How fast training goes and where its time is spent."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

# Peak FLOP/s of devices by a part of their names, from the makers' data sheets: dense bfloat16, or float16 before Ampere.
PEAK_FLOPS = {
    "B200": 2250e12,
    "H200": 989e12,
    "H100 PCIe": 756e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40S": 362e12,
    "L4": 121e12,
    "A10G": 70e12,
    "A10": 125e12,
    "RTX 4090": 165e12,
    "RTX 3090": 71e12,
    "V100": 125e12,
    "T4": 65e12,
}
OUTSIDE = ("validation", "checkpoint")  # phases that the speed of training leaves out


def peak_flops(name: str) -> float | None:
    """FLOP/s of a device by its name, None where it is not in the table; a CPU has no entry."""
    words = name.replace("-", " ").upper()
    return next((peak for part, peak in PEAK_FLOPS.items() if f" {part.upper()} " in f" {words} "), None)


def device_peak(dtype: str) -> float | None:
    """FLOP/s of this rank's GPU in training with `dtype`; None on a CPU, an unknown GPU or in float32."""
    if not torch.cuda.is_available() or dtype == "float32":
        return None
    return peak_flops(torch.cuda.get_device_name())


class Meter:
    """Measures the time of each phase since the last record; on a GPU that of the GPU's own work, by events in its stream."""

    def __init__(self, flops_per_token: float, ranks: int, peak: float | None) -> None:
        self._flops_per_token = flops_per_token
        self._all_peaks = ranks * peak if peak else None
        self._on_gpu = torch.cuda.is_available()
        self._begin()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """The time that is spent inside counts for that phase."""
        start = self._mark()
        yield
        self._spans.append((name, start, self._mark()))

    def add_tokens(self, tokens: int) -> None:
        """Count tokens as trained on, over all ranks."""
        self._tokens += tokens

    def record(self) -> dict[str, Any]:
        """Give the figures since the last record, and begin anew.

        - `tokens_per_second`: over the elapsed time without validation and checkpoints
        - `mfu`, the model FLOPs utilisation: that speed times the FLOPs of a token (`model.network.config.flops_per_token`),
          over the peak of all ranks' devices; absent where the peak is unknown
        - `time`: the share of each phase in all elapsed time
        - `memory_gb`: the most memory that this rank held, of the GPU or else of the process, in 10^9 bytes
        """
        if self._on_gpu:
            torch.cuda.synchronize()
        elapsed = time.perf_counter() - self._started
        seconds: dict[str, float] = {}
        for name, start, end in self._spans:
            seconds[name] = seconds.get(name, 0.0) + self._between(start, end)
        speed = self._tokens / (elapsed - sum(seconds.get(name, 0.0) for name in OUTSIDE))
        found: dict[str, Any] = {"tokens_per_second": speed}
        if self._all_peaks:
            found["mfu"] = speed * self._flops_per_token / self._all_peaks
        found["time"] = {name: round(spent / elapsed, 5) for name, spent in seconds.items()}
        found["memory_gb"] = round(self._memory() / 1e9, 3)
        self._begin()
        return found

    def _begin(self) -> None:
        self._started = time.perf_counter()
        self._tokens = 0
        self._spans: list[tuple[str, Any, Any]] = []

    def _mark(self) -> Any:
        if not self._on_gpu:
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event

    def _between(self, start: Any, end: Any) -> float:
        return start.elapsed_time(end) / 1000 if self._on_gpu else end - start

    def _memory(self) -> int:
        if self._on_gpu:
            return torch.cuda.max_memory_allocated()
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
