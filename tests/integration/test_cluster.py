"""`gristmill submit` on a cluster of two nodes with token authentication, here on one machine."""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest


@dataclass(frozen=True)
class Cluster:
    address: str
    token: Path
    folder: Path


@pytest.fixture(scope="module")
def cluster(line: Any, tools: Any) -> Iterator[Cluster]:
    """A head and a second node of one CPU each; one rank fits on each."""
    # Not pytest's folder: Ray's sockets are below it, and their paths must be short.
    folder = Path(tempfile.mkdtemp(prefix="gm-"))
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    gcs, dashboard = free_port(), free_port()
    env = line.environment(
        {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "GRISTMILL_TEST_CLUSTER": str(folder),  # by which its processes are told from those of others
        }
    )
    common = ["--num-cpus", "1", "--object-store-memory", str(100 * 2**20), "--temp-dir", str(folder)]
    head = ["--head", "--port", str(gcs), "--dashboard-host", "127.0.0.1", "--dashboard-port", str(dashboard)]
    head += ["--ray-client-server-port", str(free_port()), "--include-dashboard", "true"]
    try:
        for arguments in (head, ["--address", f"127.0.0.1:{gcs}"]):
            arguments += ["--dashboard-agent-listen-port", str(free_port())]
            started = subprocess.run(
                [str(tools.PROGRAM.with_name("ray")), "start", *arguments, *common],
                env=env,
                cwd=folder,
                capture_output=True,
                text=True,
                timeout=120,
            )
            assert started.returncode == 0, f"{started.stdout}\n{started.stderr}"
        yield Cluster(f"http://127.0.0.1:{dashboard}", token, folder)
    finally:
        processes = of_cluster(folder)
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=15)
        shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def of_cluster(folder: Path) -> list[psutil.Process]:
    """The processes that were started with this cluster's mark in their environment, by nobody but us."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("GRISTMILL_TEST_CLUSTER") == str(folder):
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.mark.long
def test_submit_runs_the_recipe_on_two_nodes(
    finished: Any, line: Any, tools: Any, cluster: Cluster, tmp_path: Path
) -> None:
    workdir = tmp_path / "shared"
    without_the_rest = ("evaluate=null", "finetune=null", "export=null")
    env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(cluster.token)}
    where = ("--address", cluster.address, "--workdir", workdir)
    printed = line.succeed("submit", "recipe.yaml", *without_the_rest, *where, env=env)
    assert "Submitted run small as job" in printed
    assert "SUCCEEDED" in printed
    assert f"{finished_tokens(finished):,}" in printed  # the summary of the run itself

    mine, theirs = tools.read_manifests(workdir), tools.read_manifests(finished.workdir)
    assert tuple(mine) == (*tools.DATA_STAGES, "pretrain")
    for stage in mine:
        assert mine[stage] == theirs[stage], stage
    events = tools.read_events(workdir)
    assert events[-1]["event"] == "run_finished"
    token = cluster.token.read_text()
    leaks = [path for path in workdir.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
    assert leaks == []


def finished_tokens(finished: Any) -> int:
    return int(json.loads((finished.view / "tokenize" / "manifest.json").read_text())["counts"]["tokens"])


@pytest.mark.long
def test_a_wrong_or_missing_token_is_one_clear_line(line: Any, cluster: Cluster, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text(secrets.token_hex(32))
    where = ("--address", cluster.address, "--workdir", tmp_path / "work")
    for env in ({"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(wrong)}, {"RAY_AUTH_MODE": "disabled"}):
        said = line.refuse("submit", "recipe.yaml", *where, env=env)
        assert cluster.address in said
        assert "token" in said
    assert not (tmp_path / "work").exists()


def test_no_cluster_at_the_address_is_one_clear_line(line: Any, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    said = line.refuse("submit", "recipe.yaml", "--address", address, "--workdir", tmp_path)
    assert address in said
    assert "ray start --head" in said
