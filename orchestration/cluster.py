"""Starting, joining and leaving Ray."""

import contextlib
import logging
import os
import re
import signal
import socket
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

ANSWER_SECONDS = 5.0
SETTINGS = b"\x04"  # the type of the frame with which both sides of an HTTP/2 connection begin (RFC 9113, 3.4)
HTTP2_HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0" + SETTINGS + b"\0" * 5
MESSAGE_CHARACTERS = 400  # of what Ray says
PACKAGES = Path(__file__).resolve().parents[1]
OBJECT_STORE_BYTES = 256 * 2**20  # tables and tokens travel as files; Ray carries only arguments and counts


class ClusterUnusable(ValueError):
    """The cluster cannot be used for this work; the message says why and what to do."""


@contextlib.contextmanager
def cluster(address: str | None, cpus: int | None) -> Iterator[None]:
    """Join the Ray cluster at `address`, or start a local one of `cpus` CPUs (default: all cores) and stop it afterwards.

    A block inside another one uses the cluster of the outer block. Raises ClusterUnusable when nothing answers at `address`.

    Ray puts the folder from which its driver connects first on its workers' `sys.path`, even before PYTHONPATH. This process
    connects from the folder of our packages, so that there, too, a user's own `model.py` or `data/` shadows none of them.
    """
    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would otherwise report usage over the network
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    with contextlib.chdir(PACKAGES):
        _connect(address, cpus)
    try:
        yield
    finally:
        ray.shutdown()


def _connect(address: str | None, cpus: int | None) -> None:
    if address and re.fullmatch(r"[^/]+:\d+", address):
        _check_answers(address)  # Ray ends the whole process when nothing answers, so this asks first
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    local: dict[str, Any] = {
        "num_cpus": cpus or len(os.sched_getaffinity(0)),
        "object_store_memory": OBJECT_STORE_BYTES,
    }
    try:
        ray.init(
            address=address or "local",
            include_dashboard=None if address else False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=True,
            **({} if address else local),
        )
    except Exception as error:
        # Ray raises bare Exception and RuntimeError too: it ran out of time, is of another version, or has no room.
        ray.shutdown()
        why = " ".join(str(error).split())[:MESSAGE_CHARACTERS]
        what = f"the Ray cluster at {address} cannot be joined" if address else "Ray did not start on this machine"
        raise ClusterUnusable(f"{what}: {why}") from error
    if threading.current_thread() is threading.main_thread():
        for number, handler in handlers.items():  # Ray installs its own handlers, but the run decides how it stops
            signal.signal(number, handler)


def _check_answers(address: str) -> None:
    """Raise ClusterUnusable unless something at `address` speaks HTTP/2, as Ray does."""
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=ANSWER_SECONDS) as connection:
            if os.environ.get("RAY_USE_TLS", "0") != "0":
                return
            connection.sendall(HTTP2_HELLO)
            answer = connection.recv(9)  # the head of a frame: 3 bytes of length, its type, flags, and 4 of stream
    except (OSError, OverflowError) as error:
        raise ClusterUnusable(
            f"no Ray cluster answers at {address}: {error}; start one with `ray start --head`"
        ) from error
    if answer[3:4] != SETTINGS:
        raise ClusterUnusable(
            f"what answers at {address} is no Ray cluster; `ray status` on its head node says its port"
        )


def own_address() -> str:
    """The `host:port` at which other processes can join the cluster that this process is in."""
    return str(ray.get_runtime_context().gcs_address)


def resources() -> dict[str, float]:
    """The numbers of CPUs and GPUs, as `CPU` and `GPU`, of the cluster that this process is in."""
    return {name: amount for name, amount in ray.cluster_resources().items() if name in ("CPU", "GPU")}


def largest_node() -> int:
    """The number of CPUs of the largest node. A task runs on one node, so it cannot take more than that."""
    return int(max((node["Resources"].get("CPU", 0) for node in ray.nodes() if node["Alive"]), default=0))


def check_shared_folder(folder: Path) -> None:
    """Check that every node of the cluster sees the same `folder`; raises ClusterUnusable that names the nodes that do not."""
    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
    if len(nodes) < 2:
        return
    probe = folder / f".probe-{uuid.uuid4().hex}"
    probe.write_text(probe.name, encoding="utf-8")
    try:
        sees = ray.remote(_sees)
        answers = [
            (
                node["NodeManagerAddress"],
                sees.options(
                    num_cpus=0, scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
                ).remote(probe),
            )
            for node in nodes
        ]
        blind = sorted({host for host, answer in answers if not ray.get(answer)})
    finally:
        probe.unlink()
    if blind:
        raise ClusterUnusable(
            f"{folder} is not the same folder on {', '.join(blind)}: choose a --workdir on a filesystem that all nodes share"
        )


def _sees(probe: Path) -> bool:
    return probe.is_file() and probe.read_text(encoding="utf-8") == probe.name
