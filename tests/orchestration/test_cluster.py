"""Ray: signals stay ours, and a user's own modules in the current folder shadow nothing."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import ray

from orchestration.cluster import ClusterUnusable, check_shared_folder, resources

GRISTMILL = Path(sys.executable).with_name("gristmill")


def test_signal_handlers_are_as_before_and_the_cpus_as_asked(local_ray: dict[int, Any]) -> None:
    assert {number: signal.getsignal(number) for number in local_ray} == local_ray
    assert resources() == {"CPU": 2.0}
    assert ray.is_initialized()


def test_one_node_shares_every_folder(local_ray: dict[int, Any], tmp_path: Path) -> None:
    check_shared_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def shadows(tmp_path: Path) -> Path:
    """A folder with a user's own modules, named as ours are."""
    folder = tmp_path / "user"
    (folder / "data").mkdir(parents=True)
    for name in ("model.py", "orchestration.py", "data/__init__.py"):
        (folder / name).write_text("raise RuntimeError('the module of the user was imported')\n")
    return folder


def test_a_run_started_beside_the_users_own_modules(shadows: Path) -> None:
    (shadows / "text.txt").write_text("To be, or not to be, that is the question.\n")
    recipe = {"name": "shadow", "collect": {"sources": [{"name": "s", "path": "text.txt"}]}, "resources": {"cpus": 1},
              "tracking": {"wandb": "off"}}  # fmt: skip
    (shadows / "recipe.yaml").write_text(json.dumps(recipe))
    run = subprocess.run(
        [GRISTMILL, "run", "recipe.yaml", "--until", "collect"],
        cwd=shadows,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stderr
    counts = json.loads((shadows / "work/runs/shadow/collect/manifest.json").read_text())["counts"]
    assert counts["documents_out"] == 1


def test_torchrun_started_beside_the_users_own_modules(shadows: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "-m", "pipeline.pretrain", "--help"]
    run = subprocess.run(command, cwd=shadows, capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stderr
    assert "Pretrain on given token shards" in run.stdout


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
