"""Which process wrote something, and whether it is still there."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

PROC = Path("/proc")


def this_process() -> dict[str, Any]:
    """What tells this process from all others.

    `host`; `boot` and `namespace`, in which numbers of processes count (a container has the numbers of its own, and perhaps
    the host's name); `pid`; `started`.
    """
    pid = os.getpid()
    return {"host": socket.gethostname(), **_numbering(), "pid": pid, "started": _started(pid)}


def is_alive(process: Mapping[str, Any]) -> bool | None:
    """Whether a process, as `this_process` described it, is still there; None for one that cannot be seen from here."""
    if any(process.get(name) != value for name, value in _numbering().items()):
        return None
    try:
        # A zombie has ended: where nobody collects it (a container's first process may not) it stays in the table.
        # Another start: its number was given again.
        pid = process["pid"]
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE and _started(pid) == process.get("started")
    except (psutil.AccessDenied, PermissionError):
        return None
    except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError, KeyError, TypeError, ValueError):
        return False


def is_of_an_earlier_boot(process: Mapping[str, Any]) -> bool:
    """Whether a process ran on a host of this one's name before it was started: gone, unless two hosts have one name."""
    return process.get("host") == socket.gethostname() and process.get("boot") != _numbering()["boot"]


def start_of_machine() -> str:
    """What tells this start of this machine from all others."""
    return f"{socket.gethostname()} {_numbering()['boot']}"


def _numbering() -> dict[str, str]:
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return {"boot": boot, "namespace": str((PROC / "self/ns/pid").readlink())}
    except OSError:  # no Linux
        return {"boot": str(psutil.boot_time()), "namespace": socket.gethostname()}


def _started(pid: int) -> float:
    """When a process began: on Linux in clock ticks since the boot, which no correction of the clock changes."""
    if not (PROC / "self/stat").exists():
        return psutil.Process(pid).create_time()
    stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    return float(stat.rpartition(")")[2].split()[19])  # man 5 proc: field 22
