"""What the machine or the cluster at hand can compute."""

import math
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

# Peak rates in bfloat16 without sparsity, by a part of the name that torch or Ray has for a GPU. Source: NVIDIA's data sheets.
PEAKS = {
    "B200": 2250e12,
    "H200": 989e12,
    "H100": 989e12,
    "A100": 312e12,
    "L40": 181e12,
    "L4": 121e12,
    "A10": 125e12,
    "V100": 125e12,
    "T4": 65e12,
    "4090": 165e12,
    "3090": 71e12,
}
OTHER_GPU = 50e12
# Which part of the peak a training reaches. On CPUs it was measured with configs/demo.yaml, on GPUs it is what is usual for
# networks of some hundred million parameters (not measured with this program).
REACHED_BY_CPU, REACHED_BY_GPU = 0.35, 0.35
SIDE = 1024  # of the matrices that are multiplied to measure a CPU
MEASURED_SECONDS = 0.4


@dataclass(frozen=True)
class Machine:
    """Processors, and the floating-point operations a second that a training may reach on all of them."""

    cpus: int
    gpus: int
    gpu_name: str
    flops: float

    def describe(self) -> str:
        """The machine in some words."""
        kind = f"{self.gpus} GPU{'s' * (self.gpus > 1)} ({self.gpu_name})" if self.gpus else f"{self.cpus} CPU cores"
        return f"{kind}, about {self.flops / 1e9:,.0f} GFLOP/s in training"


@cache
def this_machine() -> Machine:
    """The machine that this process runs on; its CPUs are measured for a moment."""
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    names = _gpus()
    if names:
        return Machine(cpus, len(names), names[0], sum(REACHED_BY_GPU * peak_of(name) for name in names))
    return Machine(cpus, 0, "", REACHED_BY_CPU * _measured())


def _gpus() -> list[str]:
    """The names of NVIDIA's GPUs; torch, which knows others too, takes seconds to load."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return []
    asked = subprocess.run(
        [program, "--query-gpu=name", "--format=csv,noheader"], capture_output=True, text=True, timeout=30, check=False
    )
    return asked.stdout.splitlines() if asked.returncode == 0 else []


def of_cluster(resources: Mapping[str, float]) -> Machine:
    """The machine that a cluster is, by the resources that Ray tells; its CPUs are taken to be like those at hand."""
    gpus, cpus = int(resources.get("GPU", 0)), int(resources.get("CPU", 1))
    name = next((key.partition(":")[2] for key in sorted(resources) if key.startswith("accelerator_type:")), "")
    if gpus:
        return Machine(cpus, gpus, name, gpus * REACHED_BY_GPU * peak_of(name))
    here = this_machine()
    return Machine(cpus, 0, "", here.flops / here.cpus * cpus)


def peak_of(name: str) -> float:
    """The peak rate of a GPU by its name."""
    return next((peak for part, peak in PEAKS.items() if part in name.upper()), OTHER_GPU)


def _measured() -> float:
    """Floating-point operations a second in float32 on all cores."""
    one, other = np.ones((SIDE, SIDE), np.float32), np.ones((SIDE, SIDE), np.float32)
    one @ other  # The first product starts threads.
    shortest, begin = math.inf, time.perf_counter()
    while (started := time.perf_counter()) - begin < MEASURED_SECONDS:
        one @ other
        shortest = min(
            shortest, time.perf_counter() - started
        )  # The others may have shared the cores with other programs.
    return 2 * SIDE**3 / shortest
