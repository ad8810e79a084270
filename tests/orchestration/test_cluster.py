"""Ray: signals stay ours, and a cluster that does not answer is one line."""

import os
import signal
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
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


def told(address: str, folder: Path) -> str:
    environment = {**os.environ, "RAY_TMPDIR": str(folder), "RAY_gcs_rpc_server_reconnect_timeout_s": "1"}
    run = subprocess.run(
        [sys.executable, "-c", NO_CLUSTER, address], capture_output=True, text=True, timeout=120, env=environment
    )
    assert len(run.stdout.splitlines()) == 1, run.stderr[-2000:]
    assert "Traceback" not in run.stderr
    return run.stdout


def test_no_cluster_at_the_address_is_one_line(tmp_path: Path) -> None:
    assert told("127.0.0.1:1", tmp_path).startswith("no Ray cluster answers at 127.0.0.1:1: ")
    assert told("nowhere", tmp_path).startswith("the Ray cluster at nowhere cannot be joined: Invalid address format")
    assert issubclass(ClusterUnusable, ValueError)


def test_something_else_at_the_address_is_one_line(tmp_path: Path) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"127.0.0.1:{server.server_address[1]}"
        assert told(address, tmp_path).startswith(f"what answers at {address} is no Ray cluster")
        server.shutdown()
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections and says nothing
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert told(address, tmp_path).startswith(f"no Ray cluster answers at {address}: timed out")
