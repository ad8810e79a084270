"""What several test modules share: a real local Ray of two CPUs, started once."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="session")
def local_ray() -> Iterator[dict[int, Any]]:
    """Inside a local Ray of 2 CPUs; gives the signal handlers as they were before it started."""
    from orchestration.cluster import cluster

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with cluster(None, 2):
        yield handlers
