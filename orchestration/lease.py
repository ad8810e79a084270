"""A lease on a folder under construction: one process builds at a time, and another takes over only when that one is dead.

A lease has two parts, because two kinds of process work in such a folder. The driver *holds* the lease: a file names the driver,
and a heartbeat touches the file. The driver's tasks and training ranks *occupy* the folder, by a shared lock that the kernel
drops when a process ends. They can outlive a killed driver by some seconds, so a takeover waits until the last of them has ended.
"""

import fcntl
import json
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from orchestration.liveness import is_alive, this_process

HEARTBEAT_SECONDS = 2.0
DEAD_AFTER_SECONDS = 30.0  # without a heartbeat, by the clock of the process that waits: clocks of two nodes differ


class LeaseLost(RuntimeError):
    """Another run took the folder over, because it had seen no heartbeat of this run for too long."""


class Stopped(Exception):
    """Raised to leave work that is under way, after the run was asked to stop."""


@contextmanager
def occupy(folder: Path) -> Iterator[None]:
    """Mark a folder under construction as in use by this process until the block ends, or the process does."""
    with _lock_file(folder, ".occupied").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield


@contextmanager
def hold(folder: Path, waiting: Callable[[str], None], should_stop: Callable[[], bool]) -> Iterator[Callable[[], None]]:
    """Hold the lease on a folder under construction; waits while another living process holds it.

    `waiting` is called once with the name of the process that holds the lease, if there is one. The block gets a function that
    raises LeaseLost when another run has taken the lease: call it before the finished folder gets its final name. Raises
    Stopped when `should_stop` says so while this waits.
    """
    path = _lock_file(folder, ".lease")
    token = uuid.uuid4().hex
    _acquire(path, token, waiting, should_stop)
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(path, token, stop), daemon=True, name=f"lease {path.name}")
    thread.start()
    try:
        _wait_until_unoccupied(folder, should_stop)
        yield lambda: _check(path, token)
    finally:
        stop.set()
        thread.join()
        with _exclusive(path):
            if _read(path).get("token") == token:
                path.unlink()


def holder(folder: Path) -> str | None:
    """The process that holds the lease on a folder, as `process … on host`.

    It is None when no process holds the lease, when the one that did is dead, or when that one cannot be seen from here and
    its last heartbeat is more than DEAD_AFTER_SECONDS old.
    """
    path = _lock_file(folder, ".lease")
    content = _read(path)
    alive = is_alive(content) if content else False
    if alive is None:
        alive = _seconds_silent(path) <= DEAD_AFTER_SECONDS
    return _name(content) if alive else None


def _lock_file(folder: Path, suffix: str) -> Path:
    locks = folder.parent / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    return locks / (folder.name + suffix)


def _acquire(path: Path, token: str, waiting: Callable[[str], None], should_stop: Callable[[], bool]) -> None:
    seen: tuple[Any, ...] | None = None
    seen_at = time.monotonic()
    announced = False
    while True:
        with _exclusive(path):
            content, beat = _read(path), _modified(path)
            if (content.get("token"), beat) != seen:
                seen, seen_at = (content.get("token"), beat), time.monotonic()
            silent = time.monotonic() - seen_at > DEAD_AFTER_SECONDS
            if not content or silent or is_alive(content) is False:
                _write(path, token)
                return
        if not announced:
            waiting(_name(content))
            announced = True
        if should_stop():
            raise Stopped
        time.sleep(0.5)


def _seconds_silent(path: Path) -> float:
    """Seconds since the last heartbeat, by the clock of the filesystem, which need not agree with the clock of this node."""
    now = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    now.touch()
    silent = _modified(now) - _modified(path)
    now.unlink()
    return silent / 1e9


def _check(path: Path, token: str) -> None:
    content = _read(path)
    if content.get("token") != token:
        raise LeaseLost(f"{_name(content)} took over {path.stem}: this process gave no sign of life for too long")


def _beat(path: Path, token: str, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_SECONDS):
        try:
            if _read(path).get("token") != token:
                return
            os.utime(path)
        except OSError:  # A network filesystem may fail for a moment; the next beat comes soon.
            continue


def _wait_until_unoccupied(folder: Path, should_stop: Callable[[], bool]) -> None:
    with _lock_file(folder, ".occupied").open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if should_stop():
                    raise Stopped from None
                time.sleep(0.1)


@contextmanager
def _exclusive(path: Path) -> Iterator[None]:
    with path.with_name(path.name + ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write(path: Path, token: str) -> None:
    path.write_text(json.dumps({"token": token, **this_process()}), encoding="utf-8")


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # The file is absent or half written: no process holds the lease.
        return {}
    return value if isinstance(value, dict) else {}


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _name(content: dict[str, Any]) -> str:
    return f"process {content.get('pid')} on {content.get('host')}"
