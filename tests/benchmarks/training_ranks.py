"""Tokens per second of two ranks with one core each beside one rank with one core: the same network and global batch."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable

from tests.benchmarks.table import Row, compare, measure

BATCH = 8
LENGTH = 256
SIZE = {"vocab_size": 4096, "max_sequence_length": LENGTH, "d_model": 256, "n_layers": 6, "n_heads": 4}
STEPS = 2  # in each round


def rows() -> list[Row]:
    """Ranks wait for a line on their standard input, take their steps, and answer with one."""
    groups = {f"{ranks} ranks": start(ranks) for ranks in (1, 2)}
    try:
        seconds = measure("training on two ranks", {name: steps(group) for name, group in groups.items()}, rounds=9)
    finally:
        for process in (process for group in groups.values() for process in group):
            process.kill()
    tokens = STEPS * BATCH * LENGTH
    return [
        compare(
            "training, two ranks of one core", seconds, "2 ranks", "1 ranks", tokens, "tokens/s", "one rank of one core"
        )
    ]


def start(ranks: int) -> list[subprocess.Popen[str]]:
    """The ranks as processes of their own, rank n on core n."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    cores = sorted(os.sched_getaffinity(0))
    assert len(cores) >= ranks, f"this takes {ranks} cores"
    fixed = {"WORLD_SIZE": str(ranks), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": "1"}
    return [
        subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.training_ranks", json.dumps([ranks, cores[rank]])],
            env=os.environ | fixed | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(ranks)
    ]


def steps(group: list[subprocess.Popen[str]]) -> Callable[[], None]:
    def run() -> None:
        for process in group:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in group:
            assert process.stdout is not None
            assert process.stdout.readline() == "done\n", "a rank has died"

    return run


def work(ranks: int, core: int) -> None:
    """One rank: steps of the trainer, as many as asked for."""
    os.sched_setaffinity(0, {core})
    import numpy as np
    import torch

    from model.network.config import ModelConfig
    from model.training.distributed import init_distributed
    from model.training.prefetch import Prefetch
    from model.training.train_config import TrainConfig
    from tests.benchmarks.trainer import make_step

    answers = os.fdopen(os.dup(1), "w")  # what libraries print goes elsewhere
    os.dup2(2, 1)
    torch.set_num_threads(1)
    init_distributed()
    model = ModelConfig(**SIZE)
    train = TrainConfig(steps=10_000, sequence_length=LENGTH, global_batch=BATCH, ranks=ranks, warmup_steps=0)
    tokens = np.random.default_rng(0).integers(0, SIZE["vocab_size"], (BATCH, LENGTH + 1))
    with Prefetch(lambda cursor, count: tokens[:count]) as batches:
        step, _ = make_step(model, train, batches)
        for _ in sys.stdin:
            for _ in range(STEPS):
                step()
            answers.write("done\n")
            answers.flush()


if __name__ == "__main__":
    work(*json.loads(sys.argv[1]))
