"""The command `doctor`: it checks, part by part, whether this machine can run Gristmill."""

import os
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIBRARIES = ("torch", "deepspeed", "ray", "datasets", "tokenizers", "transformers", "wandb", "pyarrow")
LEAST_MEMORY = 8e9  # bytes that the demo needs
LEAST_DISK = 5e9  # bytes that have to be free for the workdir


def examine(workdir: Path) -> list[dict[str, Any]]:
    """Check every part; gives the findings, each with `part`, `ok`, `found` and, when it is not ok, `remedy`.

    It starts a local Ray for a moment. Nothing is raised: what fails is a finding.
    """
    checks: list[Callable[[], dict[str, Any]]] = [
        _python,
        *(lambda name=name: _library(name) for name in LIBRARIES),
        _compiler,
        _machine,
        _accelerator,
        lambda: _disk(workdir),
        _tracking,
        _ray,
    ]
    return [check() for check in checks]


def _finding(part: str, ok: bool, found: str, remedy: str = "") -> dict[str, Any]:
    return {"part": part, "ok": ok, "found": found, **({} if ok else {"remedy": remedy})}


def _python() -> dict[str, Any]:
    return _finding("python", sys.version_info >= (3, 11), sys.version.split()[0], "use Python 3.11 or newer")


def _library(name: str) -> dict[str, Any]:
    try:
        return _finding(name, True, version(name))
    except PackageNotFoundError:
        return _finding(name, False, "not installed", f"pip install {name}")


def _compiler() -> dict[str, Any]:
    path = shutil.which("c++") or shutil.which("g++")
    return _finding("c++ compiler", path is not None, path or "none", "install g++ (DeepSpeed's offload needs it)")


def _machine() -> dict[str, Any]:
    import psutil

    memory = psutil.virtual_memory().total
    found = f"{os.cpu_count()} cores, {memory / 1e9:.1f} GB"
    return _finding("machine", memory >= LEAST_MEMORY * 0.9, found, f"{LEAST_MEMORY / 1e9:.0f} GB of memory are needed")


def _accelerator() -> dict[str, Any]:
    import torch

    if not torch.cuda.is_available():
        return _finding("accelerator", True, "none: training runs on the CPU with gloo")
    names = [torch.cuda.get_device_name(n) for n in range(torch.cuda.device_count())]
    return _finding("accelerator", torch.cuda.is_bf16_supported(), ", ".join(names), "this GPU has no bfloat16")


def _disk(workdir: Path) -> dict[str, Any]:
    place = workdir.resolve()
    while not place.exists():
        place = place.parent
    free, writable = shutil.disk_usage(place).free, os.access(place, os.W_OK)
    return _finding(
        "workdir", writable and free > LEAST_DISK, f"{workdir}, {free / 1e9:.1f} GB free", "choose --workdir elsewhere"
    )


def _tracking() -> dict[str, Any]:
    key = (
        "a key is set: runs go online"
        if os.environ.get("WANDB_API_KEY")
        else "no key: runs stay offline in the workdir"
    )
    return _finding("weights & biases", True, key)


def _ray() -> dict[str, Any]:
    from orchestration.cluster import cluster, resources

    try:
        with cluster(None, 1):
            return _finding("ray", True, f"a local cluster started with {resources().get('CPU', 0):g} CPU")
    except Exception as error:  # Whatever the error is, the user needs to see it.
        return _finding(
            "ray", False, str(error).splitlines()[0], "see the message; `ray stop` ends a left-over cluster"
        )
