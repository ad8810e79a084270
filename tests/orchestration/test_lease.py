"""The lease: one builder at a time among real processes, taken over when it is dead and what it started is gone."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import orchestration.lease as lease
from orchestration.lease import LeaseLost, Stopped, hold, holder, occupy
from orchestration.liveness import this_process

HOLD = """
import sys, time
from pathlib import Path
from orchestration.lease import hold
with hold(Path(sys.argv[1]), print, lambda: False):
    print("holding", flush=True)
    time.sleep(float(sys.argv[2]))
print("gave it back", flush=True)
"""
OCCUPY = """
import sys, time
from pathlib import Path
from orchestration.lease import occupy
with occupy(Path(sys.argv[1])):
    print("holding", flush=True)
    time.sleep(float(sys.argv[2]))
"""

Start = Callable[[str, Path, float], "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts one of the programs above and waits until it is inside; ends it with the test."""
    started: list[subprocess.Popen[str]] = []

    def begin(code: str, folder: Path, seconds: float) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", code, str(folder), str(seconds)], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == "holding\n"
        return process

    yield begin
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout
        process.stdout.close()


def never() -> bool:
    return False


def silent(_: str) -> None:
    pass


def after(seconds: float) -> Callable[[], bool]:
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() > deadline


def test_a_free_lease_is_had_at_once_and_given_back(tmp_path: Path) -> None:
    folder, heard = tmp_path / "fp.building", list[str]()
    for _ in range(2):
        with hold(folder, heard.append, never) as check:
            check()
            assert holder(folder) == f"process {os.getpid()} on {os.uname().nodename}"
        assert holder(folder) is None
    assert heard == []
    assert not folder.exists(), "the lease does not make the folder"


def test_the_second_of_two_processes_waits_for_the_first(tmp_path: Path, start: Start) -> None:
    folder, heard = tmp_path / "fp.building", list[str]()
    first = start(HOLD, folder, 1.5)
    with hold(folder, heard.append, never):
        assert first.stdout
        assert first.stdout.readline() == "gave it back\n"
    assert heard == [f"process {first.pid} on {os.uname().nodename}"]


def test_two_folders_are_held_side_by_side(tmp_path: Path, start: Start) -> None:
    start(HOLD, tmp_path / "one.building", 60)
    with hold(tmp_path / "two.building", silent, after(0)):
        pass


@pytest.mark.parametrize("reaped", [True, False])
def test_a_killed_holder_is_followed_promptly(tmp_path: Path, start: Start, reaped: bool) -> None:
    # Not reaped: in a container whose first process does not collect children, the dead stay in the process table.
    folder = tmp_path / "fp.building"
    first = start(HOLD, folder, 60)
    first.send_signal(signal.SIGKILL)
    if reaped:
        first.wait()
    else:
        time.sleep(0.2)
    began = time.monotonic()
    assert holder(folder) is None
    with hold(folder, silent, after(15)) as check:
        check()
    assert time.monotonic() - began < 5 < lease.DEAD_AFTER_SECONDS


def test_a_reused_process_number_is_not_taken_for_the_holder(tmp_path: Path) -> None:
    folder = tmp_path / "fp.building"
    (tmp_path / ".locks").mkdir()
    (tmp_path / ".locks" / "fp.building.lease").write_text(
        json.dumps({"token": "x", **this_process(), "started": 1000.0})
    )
    assert holder(folder) is None
    with hold(folder, silent, after(5)):
        pass


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"token": "x"', "\x00\x00"])
def test_a_torn_lease_is_nobodys(tmp_path: Path, content: str) -> None:
    (tmp_path / ".locks").mkdir()
    (tmp_path / ".locks" / "fp.building.lease").write_text(content)
    assert holder(tmp_path / "fp.building") is None
    with hold(tmp_path / "fp.building", silent, after(5)):
        pass


def write_foreign(folder: Path) -> Path:
    path = folder.parent / ".locks" / (folder.name + ".lease")
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"token": "theirs", "host": "another-host", "pid": 1, "started": 1.0}')
    return path


def test_a_holder_elsewhere_is_one_while_it_gives_signs_of_life(tmp_path: Path) -> None:
    folder = tmp_path / "fp.building"
    path = write_foreign(folder)
    assert holder(folder) == "process 1 on another-host"
    before = path.stat().st_mtime - lease.DEAD_AFTER_SECONDS
    os.utime(path, (before + 5, before + 5))
    assert holder(folder) == "process 1 on another-host"
    os.utime(path, (before - 1, before - 1))
    assert holder(folder) is None
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    path.write_text(json.dumps({"token": "ours", **this_process()}))
    os.utime(path, (before - 1, before - 1))
    assert holder(folder), "a process that is there but asleep"


def test_a_holder_on_another_host_is_followed_when_its_heart_stops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, heard = tmp_path / "fp.building", list[str]()
    path = write_foreign(folder)
    os.utime(path, (1, 1))  # its clock is decades behind ours: that says nothing
    monkeypatch.setattr(lease, "DEAD_AFTER_SECONDS", 1.5)
    beating_until = time.monotonic() + 3

    def beat() -> None:
        n = 1
        while time.monotonic() < beating_until:
            n += 1
            os.utime(path, (n, n))
            time.sleep(0.2)

    thread = threading.Thread(target=beat)
    thread.start()
    with hold(folder, heard.append, after(20)):
        assert time.monotonic() > beating_until + 1
    thread.join()
    assert heard == ["process 1 on another-host"]


def test_takeover_waits_until_those_that_occupy_the_folder_are_gone(tmp_path: Path, start: Start) -> None:
    folder = tmp_path / "fp.building"
    driver = start(HOLD, folder, 60)
    ranks = [start(OCCUPY, folder, 60) for _ in range(2)]
    driver.kill()
    driver.wait()
    with pytest.raises(Stopped), hold(folder, silent, after(1)):
        raise AssertionError("the ranks are still there")
    assert holder(folder) is None, "who was stopped while waiting holds nothing"
    gone: list[float] = []

    def end() -> None:
        for rank in ranks:
            time.sleep(0.5)
            rank.send_signal(signal.SIGKILL)
            rank.wait()
        gone.append(time.monotonic())

    thread = threading.Thread(target=end)
    thread.start()
    with hold(folder, silent, after(20)):
        held = time.monotonic()
        thread.join()
        assert gone
        assert held - gone[0] > -0.2
        assert held - gone[0] < 5


def test_the_own_tasks_occupy_what_is_held_side_by_side(tmp_path: Path, start: Start) -> None:
    folder = tmp_path / "fp.building"
    with hold(folder, silent, never) as check:
        start(OCCUPY, folder, 60)
        with occupy(folder):
            check()


def test_a_stop_while_waiting_is_heard(tmp_path: Path, start: Start) -> None:
    folder = tmp_path / "fp.building"
    first = start(HOLD, folder, 60)
    began = time.monotonic()
    with pytest.raises(Stopped), hold(folder, silent, after(0.3)):
        raise AssertionError("not ours")
    assert time.monotonic() - began < 5
    assert str(first.pid) in str(holder(folder)), "the lease of the first is untouched"


def test_a_lost_lease_is_noticed_and_the_new_holders_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "fp.building"
    with hold(folder, silent, never) as check:
        path = write_foreign(folder)
        with pytest.raises(LeaseLost, match=r"process 1 on another-host took over fp\.building"):
            check()
    assert "theirs" in path.read_text()


def test_the_heart_beats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "HEARTBEAT_SECONDS", 0.05)
    folder = tmp_path / "fp.building"
    with hold(folder, silent, never):
        path = tmp_path / ".locks" / "fp.building.lease"
        first = path.stat().st_mtime_ns
        deadline = time.monotonic() + 10
        while path.stat().st_mtime_ns == first and time.monotonic() < deadline:
            time.sleep(0.02)
        assert path.stat().st_mtime_ns > first


def test_many_processes_never_hold_at_once(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from orchestration.lease import hold
folder = Path(sys.argv[1])
for _ in range(3):
    with hold(folder, lambda _: None, lambda: False) as check:
        inside = folder.parent / "inside"
        inside.touch(exist_ok=False)
        time.sleep(0.02)
        check()
        inside.unlink()
"""
    command = [sys.executable, "-c", code, str(tmp_path / "fp.building")]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
