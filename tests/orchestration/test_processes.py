"""Commands side by side: how many at a time, what they print, how they end, and that none is left."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from orchestration.processes import Command, run_processes


def python(text: str, log: Path) -> Command:
    return Command([sys.executable, "-c", text], log)


def test_all_run_no_more_at_a_time_than_asked_for(tmp_path: Path) -> None:
    commands = {
        str(n): python(f"import time; print('hello {n}', flush=True); time.sleep(0.4); exit({n})", tmp_path / f"{n}.log")
        for n in range(5)
    }  # fmt: skip
    seen: list[Sequence[str]] = []
    ended = run_processes(commands, 2, seen.append, lambda: False)
    assert ended == {str(n): n for n in range(5)}
    assert max(map(len, seen)) == 2
    assert [(tmp_path / f"{n}.log").read_text() for n in range(5)] == [f"hello {n}\n" for n in range(5)]


def test_a_stop_is_passed_on_and_waited_for(tmp_path: Path) -> None:
    patient = (
        "import signal, sys, time\n"
        "def stop(*_):\n    print('saved', flush=True)\n    sys.exit(7)\n"
        "signal.signal(signal.SIGTERM, stop)\nprint('ready', flush=True)\ntime.sleep(60)"
    )
    log = tmp_path / "first.log"
    commands = {"first": python(patient, log), "second": python("raise SystemExit(0)", tmp_path / "second.log")}
    ended = run_processes(commands, 1, lambda _: None, lambda: log.exists() and "ready" in log.read_text())
    assert ended == {"first": 7}
    assert log.read_text() == "ready\nsaved\n"
    assert not (tmp_path / "second.log").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has ended")
def test_what_runs_is_asked_to_stop_when_this_process_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "child.log"
    child = "import time; print('ready', flush=True); time.sleep(60)"
    script = (
        "import sys; from pathlib import Path; from orchestration.processes import Command, run_processes\n"
        f"run_processes({{'a': Command([sys.executable, '-c', {child!r}], Path({str(log)!r}))}}, 1, print, lambda: False)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not (log.exists() and log.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    children = psutil.Process(parent.pid).children()
    assert len(children) == 1
    parent.kill()
    parent.wait()
    _, alive = psutil.wait_procs(children, timeout=30)
    assert not alive


def test_none_is_left_when_something_goes_wrong(tmp_path: Path) -> None:
    before = {process.pid for process in psutil.Process().children()}

    def fail(_: Sequence[str]) -> None:
        time.sleep(0.1)
        raise RuntimeError("the display broke")

    with pytest.raises(RuntimeError, match="the display broke"):
        run_processes({"a": python("import time; time.sleep(60)", tmp_path / "a.log")}, 1, fail, lambda: False)
    assert {process.pid for process in psutil.Process().children()} == before
