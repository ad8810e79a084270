"""Whether the process that wrote something is still there."""

import json
import shutil
import subprocess
import sys
import time
from typing import Any

import psutil
import pytest

from orchestration.liveness import is_alive, is_of_an_earlier_boot, this_process

DESCRIBE = "import json, time; from orchestration.liveness import *; print(json.dumps(this_process()), flush=True)"

# Numbers of its own, the name of this host. Not everybody may make one: then the command fails.
IN_A_CONTAINER = [shutil.which("unshare") or "false", "--pid", "--fork"]


def test_this_process_is_here() -> None:
    assert this_process() == this_process()
    assert is_alive(this_process()) is True


def test_another_process_with_the_same_number_is_not_it() -> None:
    assert is_alive({**this_process(), "started": 1.0}) is False
    assert is_alive({**this_process(), "started": None}) is False


def test_an_ended_process_is_gone_collected_or_not() -> None:
    with subprocess.Popen([sys.executable, "-c", f"{DESCRIBE}; time.sleep(60)"], stdout=subprocess.PIPE) as child:
        assert child.stdout
        described = json.loads(child.stdout.readline())
        assert described["pid"] == child.pid
        assert is_alive(described) is True
        child.kill()
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert is_alive(described) is False
    assert is_alive(described) is False


@pytest.mark.parametrize("other", [{"boot": "another"}, {"namespace": "another"}, {"boot": None, "namespace": None}])
def test_of_what_counts_its_processes_otherwise_nothing_is_known(other: dict[str, Any]) -> None:
    assert is_alive({**this_process(), "pid": 1 << 30, **other}) is None


def test_a_boot_of_a_host_of_this_name_is_known() -> None:
    assert not is_of_an_earlier_boot(this_process())
    assert is_of_an_earlier_boot({**this_process(), "boot": "another"})
    assert not is_of_an_earlier_boot({**this_process(), "boot": "another", "host": "another"})


@pytest.mark.skipif(subprocess.run([*IN_A_CONTAINER, "true"], check=False).returncode != 0, reason="needs a namespace")
def test_a_container_with_this_hosts_name_counts_otherwise() -> None:
    command = [*IN_A_CONTAINER, sys.executable, "-c", DESCRIBE]
    inside = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)
    here = this_process()
    assert (inside["host"], inside["boot"]) == (here["host"], here["boot"])
    assert inside["namespace"] != here["namespace"]
    assert is_alive(inside) is None and not is_of_an_earlier_boot(inside)
