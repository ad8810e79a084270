"""Whether the process that wrote something is still there."""

import json
import os
import shutil
import subprocess
import sys
import time

import psutil
import pytest

from orchestration.liveness import is_gone, this_process

DESCRIBE = "import json, time; from orchestration.liveness import *; print(json.dumps(this_process()), flush=True)"


def test_this_process_is_here() -> None:
    assert this_process() == this_process()
    assert not is_gone(this_process())


def test_another_process_with_the_same_number_is_not_it() -> None:
    assert is_gone({**this_process(), "started": 1.0})
    assert is_gone({**this_process(), "started": None})


def test_an_ended_process_is_gone_collected_or_not() -> None:
    with subprocess.Popen([sys.executable, "-c", f"{DESCRIBE}; time.sleep(60)"], stdout=subprocess.PIPE) as child:
        assert child.stdout
        described = json.loads(child.stdout.readline())
        assert described["pid"] == child.pid
        assert not is_gone(described)
        child.kill()
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert is_gone(described)
    assert is_gone(described)


def test_of_what_counts_its_processes_otherwise_nothing_is_known() -> None:
    assert not is_gone({**this_process(), "pid": 1 << 30, "numbering": "another boot, another container"})


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("unshare") is None, reason="a namespace needs root and unshare")
def test_a_container_with_this_hosts_name_counts_otherwise() -> None:
    command = ["unshare", "--pid", "--fork", sys.executable, "-c", DESCRIBE]
    inside = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)
    assert inside["host"] == this_process()["host"]
    assert inside["numbering"] != this_process()["numbering"]
    assert not is_gone(inside)
