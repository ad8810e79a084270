"""Describing a process in a record, and finding out later whether that process still runs."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

PROC = Path("/proc")


def this_process() -> dict[str, Any]:
    """The facts that tell this process from all others: `host`, `boot`, `namespace`, `pid` and `started`.

    A `pid` is unique only within one boot of a machine and one namespace. A container has a namespace of its own, and may have
    the host's name.
    """
    pid = os.getpid()
    return {"host": socket.gethostname(), **_numbering(), "pid": pid, "started": _started(pid)}


def is_alive(process: Mapping[str, Any]) -> bool | None:
    """Whether a process, as `this_process` described it, still runs; None when it cannot be seen from here."""
    if any(process.get(name) != value for name, value in _numbering().items()):
        return None
    try:
        # A zombie has ended. It stays in the table until its parent collects it, which a container's first process may not do.
        # A process with another start is a later one that was given the same number.
        pid = process["pid"]
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE and _started(pid) == process.get("started")
    except (psutil.AccessDenied, PermissionError):
        return None
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError, KeyError, TypeError, ValueError):
        return False


def is_of_an_earlier_boot(process: Mapping[str, Any]) -> bool:
    """Whether a process ran on a host of this name in an earlier boot. Then it is gone, unless two hosts share the name."""
    return process.get("host") == socket.gethostname() and process.get("boot") != _numbering()["boot"]


def start_of_machine() -> str:
    """A text that tells this boot of this machine from all other boots and machines."""
    return f"{socket.gethostname()} {_numbering()['boot']}"


def _numbering() -> dict[str, str]:
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return {"boot": boot, "namespace": str((PROC / "self/ns/pid").readlink())}
    except OSError:  # This system is not Linux.
        return {"boot": str(psutil.boot_time()), "namespace": socket.gethostname()}


def _started(pid: int) -> float:
    """When a process began: on Linux in clock ticks since the boot, so that setting the clock does not change it."""
    if not (PROC / "self/stat").exists():
        return psutil.Process(pid).create_time()
    stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    return float(stat.rpartition(")")[2].split()[19])  # man 5 proc: field 22
