"""The check on a GPU at sizes that a CPU can, so that it works when a GPU comes; and how it goes on after a check that fails."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tests.gpu.check import run_group
from tests.gpu.worker import lacks_torch

REPOSITORY = Path(__file__).resolve().parents[2]
NOT_ON_A_CPU = {"float16"}


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_the_whole_check_passes_at_small_sizes(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHON": sys.executable, "WHEELS": str(tmp_path), "OUT": str(tmp_path)}
    command = [str(REPOSITORY / "tests/gpu/check.sh"), "--small", "--seconds", "3500"]
    ended = subprocess.run(command, env=environment | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads((tmp_path / "result.json").read_text())
    assert ended.stdout.splitlines()[-1] == str(tmp_path / "result.json")
    assert found["torch"] == torch.__version__ and found["small"]
    status = {check["name"]: check["status"] for check in found["checks"]}
    assert status.pop("imports") == "passed"
    assert {name for name, status in status.items() if status != "passed"} == NOT_ON_A_CPU
    assert len(status) > 20 and all(check["compares"] for check in found["checks"])
    [speed] = [check["figures"] for check in found["checks"] if check["name"] == "llama-1b"]
    assert speed["tokens_per_second"] > 0 and sum(entry["share"] for entry in speed["profile"]) > 0.5


@pytest.mark.long
def test_a_check_that_fails_does_not_stop_the_others(tmp_path: Path) -> None:
    results = run_group("example_checks", tmp_path, True, time.monotonic() + 300)
    status = {result["name"]: (result["status"], result.get("message", "")) for result in results}
    assert [name for name, (status, _) in status.items() if status == "passed"] == ["passes", "passes again"]
    assert status["differs"] == ("failed", "nan: differs by nan of the largest, tolerance 0.1")
    assert status["is skipped"] == ("skipped", "no such tool here")
    assert status["raises"][0] == "failed" and "illegal memory access" in status["raises"][1]
    assert [result["figures"] for result in results if result["name"] == "raises"] == [{"before": 1}]
    assert status["dies"] == ("failed", "its process ended with code 139: its last words")
    assert status["hangs"][0] == "failed" and status["hangs"][1].startswith("took more than")


def test_what_has_no_time_left_is_skipped(tmp_path: Path) -> None:
    results = run_group("example_checks", tmp_path, True, time.monotonic())
    assert {(result["status"], result["message"]) for result in results} == {("skipped", "no time was left for it")}
    assert len(results) == 7


def test_only_a_name_that_an_older_torch_lacks_is_for_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    missing = AttributeError("module 'torch.nn' has no attribute 'Later'")
    assert not lacks_torch(missing)
    monkeypatch.setattr(torch, "__version__", "2.11.0+cu130")
    assert lacks_torch(missing) and lacks_torch(ImportError("cannot import name 'later' from 'torch'"))
    assert not lacks_torch(RuntimeError("torch failed")) and not lacks_torch(AttributeError("'Figures' has no 'x'"))
