"""Which process wrote something, and whether it is still there."""

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil


def this_process() -> dict[str, Any]:
    """What tells this process from all others: `pid`, `host`, `numbering` and `started`."""
    pid = os.getpid()
    return {"pid": pid, "host": socket.gethostname(), "numbering": _numbering(), "started": _started(pid)}


def is_gone(process: Mapping[str, Any]) -> bool:
    """Whether a process, as `this_process` described it, is known to have ended; never of one that cannot be seen from here."""
    if process.get("numbering") != _numbering():
        return False
    try:
        # A zombie has ended: where nobody collects it (a container's first process may not) it stays in the table.
        # Another start: its number was given again.
        pid = process["pid"]
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE or _started(pid) != process.get("started")
    except (psutil.NoSuchProcess, FileNotFoundError, KeyError, TypeError, ValueError):
        return True


def _numbering() -> str:
    """What numbers of processes count in. Containers have each their own, and may share a host's name; so may hosts."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # no Linux
        return socket.gethostname()


def _started(pid: int) -> float:
    """When a process began: on Linux in clock ticks since the boot, which no correction of the clock changes."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        return psutil.Process(pid).create_time()
    return float(
        stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    )  # man 5 proc: field 22
