"""What several test modules share: a real local Ray of two CPUs, started once, and what an earlier Gristmill has made."""

import signal
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

# How long an example takes says nothing about the code where other tests run beside it.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


@pytest.fixture(scope="session")
def local_ray() -> Iterator[dict[int, Any]]:
    """Inside a local Ray of 2 CPUs; gives the signal handlers as they were before it started."""
    from orchestration.cluster import cluster

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    with cluster(None, 2):
        yield handlers


@pytest.fixture
def format_1(tmp_path: Path) -> Path:
    """A folder with recipes, sources and the `work/` of format 1 that was made of them (tests/stores/README.md)."""
    with tarfile.open(Path(__file__).with_name("stores") / "format-1.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "format-1"
