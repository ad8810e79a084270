"""The GPU benchmark at a size that a CPU can: that it runs, and that its figures are those of a training."""

import json
import os
import subprocess
import sys
from pathlib import Path

import torch

REPOSITORY = Path(__file__).resolve().parents[3]


def test_the_gpu_benchmark_runs_at_a_small_size(tmp_path: Path) -> None:
    script = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1", "-m"]
    options = [
        "tiny",
        "--warmup",
        "1",
        "--steps",
        "3",
        "--tokens",
        str(tmp_path),
        "--profile",
        str(tmp_path / "profile"),
    ]
    ended = subprocess.run(
        [
            *script,
            "tests.benchmarks.train_gpu",
            *options,
            "--set",
            "zero_stage=2",
            "--set",
            "activation_checkpointing=1",
        ],
        cwd=REPOSITORY,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout[ended.stdout.index("{") :])
    assert found["model"] == "tiny" and found["ranks"] == 1
    assert found["spread"][0] <= found["tokens_per_second_per_device"] <= found["spread"][1]
    assert (found["mfu"] is None) == (not torch.cuda.is_available())  # no peak is known of a CPU
    assert {"data", "forward", "backward", "optimizer"} <= found["time"].keys()
    assert 0.5 < sum(found["time"].values()) <= 1.01
    assert found["training"]["zero_stage"] == 2 and found["training"]["activation_checkpointing"] == 1
    assert found["versions"]["torch"] == torch.__version__
    assert "aten::" in (tmp_path / "profile").read_text()
