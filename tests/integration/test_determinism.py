"""The same recipe gives the same bytes: tokens whatever the number of workers, weights on the same layout of ranks."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest


def test_data_artifacts_of_one_and_of_three_workers_are_equal(
    finished: Any, line: Any, tools: Any, tmp_path: Path
) -> None:
    """The finished run had one worker."""
    three = ("resources.workers=3", "resources.cpus=3")
    line.succeed("run", "recipe.yaml", *three, "--until", "tokenize", "--workdir", tmp_path)
    mine, theirs = tools.read_manifests(tmp_path), tools.read_manifests(finished.workdir)
    assert tuple(mine) == tools.DATA_STAGES
    for stage in tools.DATA_STAGES:
        assert mine[stage] == theirs[stage], stage
    side_by_side = [event["event"] for event in tools.read_events(tmp_path) if event.get("stage") == "clean"]
    assert side_by_side[1:4] == ["shard_started"] * 3


@pytest.mark.long
def test_torchrun_gives_the_weights_that_ray_gives(finished: Any, line: Any, tools: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (tmp_path / "model.py").write_text("raise ImportError('the user\\'s own model.py')\n")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "pipeline.pretrain", str(line.folder / "recipe.yaml")]
    command += ["--tokens", str(finished.view / "tokenize"), "--out", str(out)]
    command += ["--tokenizer", str(finished.view / "vocab" / "tokenizer" / "tokenizer.json")]
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env=line.environment({"OMP_NUM_THREADS": "1"}),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    last = f"step-{tools.RECIPE['pretrain']['training']['steps']:08d}"
    ours, theirs = out / "checkpoints" / last, finished.view / "pretrain" / "checkpoints" / last
    assert digests(ours) == digests(theirs)
    assert len(digests(ours)) == 7  # weights, optimizer and random states of two ranks, and the description


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
