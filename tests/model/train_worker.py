"""One rank of the training tests: `train_worker.py JOBS.json`, with torchrun's variables in the environment.

JOBS.json is a list of {"folder", "model", "train", "stop_after"}; they run one after the other in the same processes, and rank
0 writes what was logged and returned to `records.json` in each folder.
"""

import dataclasses
import json
import os
import sys
from pathlib import Path

import numpy as np

from model.config import ModelConfig
from model.train import train
from model.train_config import TrainConfig

VOCABULARY = 61


def samples(cursor: int, count: int, length: int) -> np.ndarray:
    """Sequences of a repeated step, a pure function of the sample's number."""
    numbers = np.arange(cursor, cursor + count)[:, None]
    return (numbers * 7 + np.arange(length + 1) * (1 + numbers % 5)) % VOCABULARY


def run(job: dict) -> None:
    config = TrainConfig(**job["train"])
    length = config.sequence_length
    folder = Path(job["folder"])
    records: list[dict] = []
    asked = 0

    def should_stop() -> bool:
        nonlocal asked
        asked += 1
        return asked == job.get("stop_after")

    result = train(
        ModelConfig(vocab_size=VOCABULARY, **job["model"]),
        config,
        lambda cursor, count: samples(cursor, count, length),
        {"even": samples(1000, 5, length), "odd": samples(2000, 3, length)},
        folder,
        records.append,
        should_stop,
        lambda temporary, final: temporary.rename(final) and None,
    )
    if os.environ.get("RANK", "0") == "0":
        outcome = {**dataclasses.asdict(result), "checkpoint": result.checkpoint.name}
        (folder / "records.json").write_text(json.dumps({"records": records, "result": outcome}))


if __name__ == "__main__":
    for job in json.loads(Path(sys.argv[1]).read_text()):
        run(job)
