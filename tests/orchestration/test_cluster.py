"""Ray: signals stay ours, and a cluster that does not answer is one line."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import ray

from orchestration.cluster import ClusterUnusable, check_shared_folder, resources


def test_signal_handlers_are_as_before_and_the_cpus_as_asked(local_ray: dict[int, Any]) -> None:
    assert {number: signal.getsignal(number) for number in local_ray} == local_ray
    assert resources() == {"CPU": 2.0}
    assert ray.is_initialized()


def test_one_node_shares_every_folder(local_ray: dict[int, Any], tmp_path: Path) -> None:
    check_shared_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []


NO_CLUSTER = """
import sys
from orchestration.cluster import ClusterUnusable, cluster
try:
    with cluster(sys.argv[1], None):
        print("joined")
except ClusterUnusable as error:
    print(error)
"""


def test_no_cluster_at_the_address_is_one_line(tmp_path: Path) -> None:
    environment = {**os.environ, "RAY_TMPDIR": str(tmp_path), "RAY_gcs_rpc_server_reconnect_timeout_s": "1"}
    run = subprocess.run(
        [sys.executable, "-c", NO_CLUSTER, "127.0.0.1:1"], capture_output=True, text=True, timeout=120, env=environment
    )
    assert run.stdout.startswith("no Ray cluster answers at 127.0.0.1:1: "), run.stderr[-2000:]
    assert len(run.stdout.splitlines()) == 1
    assert issubclass(ClusterUnusable, ValueError)
