"""What the checks of training share: tokens and a tokenizer made here, and trainings of a recipe of configs/ made small."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from data.tokens.config import END_OF_TEXT
from data.tokens.token_shards import TokenShardWriter, token_dtype
from pipeline.pretrain import METRICS, rank_arguments, run_rank
from pipeline.recipe.reading import load_recipe
from tests.gpu.case import Case

REPOSITORY = Path(__file__).resolve().parents[2]
RECIPE = REPOSITORY / "configs/llama-1b.yaml"
TEXT_LENGTH = 60  # tokens
MODEL = {"d_model": 64, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2, "d_ff": 128, "max_sequence_length": 64}
TRAINING = {
    "steps": 10,
    "sequence_length": 64,
    "global_batch": 8,
    "micro_batch": 4,
    "ranks": 1,
    "zero_stage": 1,
    "learning_rate": 1e-2,
    "dtype": "float32",
    "threads": 1,
    "warmup_steps": 2,
    "validate_every": 5,
    "validation_samples": 8,
    "checkpoint_every": 0,
}


def write_inputs(folder: Path) -> tuple[Path, Path]:
    """The folder of token shards and the tokenizer, which are made if they are not there.

    The texts count up in steps of 1 to 5, which a small network learns within some steps.
    """
    tokens, tokenizer = folder / "tokens", folder / "tokenizer.json"
    if not tokenizer.exists():
        tokens.mkdir()
        size = write_tokenizer(tokenizer)
        for split, texts in (("train", 400), ("validation", 40)):
            with TokenShardWriter(tokens / f"counting-{split}", token_dtype(size)) as writer:
                for text in range(texts):
                    counted = 1 + (text * 7 + np.arange(TEXT_LENGTH - 1) * (1 + text % 5)) % (size - 1)
                    writer.append(np.append(counted, 0))
    return tokens, tokenizer


def write_tokenizer(path: Path) -> int:
    """Write a tokenizer whose tokens are the end of a text, 0, and the 256 bytes; gives the size of its vocabulary."""
    names = [END_OF_TEXT, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={name: number for number, name in enumerate(names)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(END_OF_TEXT, special=True, normalized=False)])
    tokenizer.save(str(path))
    return len(names)


def overrides(training: Mapping[str, Any]) -> list[str]:
    """The recipe's training and network made small, with these fields, as on a command line."""
    fields = {f"model.{name}": value for name, value in MODEL.items()}
    fields |= {f"training.{name}": value for name, value in {**TRAINING, **training}.items()}
    return [f"pretrain.{name}={json.dumps(value)}" for name, value in fields.items()] + ["pretrain.sampling={}"]


def train_here(case: Case, folder: Path, training: Mapping[str, Any]) -> dict[int, float]:
    """Train in this process, on its device; gives the loss of each step."""
    tokens, tokenizer = write_inputs(case.folder)
    pretrain = load_recipe(RECIPE, overrides(training)).pretrain
    assert pretrain is not None
    folder.mkdir()
    run_rank(rank_arguments(pretrain, tokens, tokenizer, folder))
    return losses(folder)


def by_torchrun(case: Case, folder: Path, training: Mapping[str, Any], on_cpu: bool = False) -> dict[int, float]:
    """Train as a user does with torchrun, to the end, and give the loss of each step."""
    process = start(case, folder, training, on_cpu)
    code = process.wait()
    assert code == 0, f"torchrun ended with code {code}: {said(folder)}"
    return losses(folder)


def start(case: Case, folder: Path, training: Mapping[str, Any], on_cpu: bool = False) -> "subprocess.Popen[bytes]":
    """`torchrun -m pipeline.pretrain` on one rank; what it prints goes to a log beside the folder."""
    tokens, tokenizer = write_inputs(case.folder)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "1", "-m"]
    command += ["pipeline.pretrain", str(RECIPE), "--tokens", str(tokens), "--tokenizer", str(tokenizer)]
    environment = os.environ | ({"CUDA_VISIBLE_DEVICES": ""} if on_cpu else {})
    with log_of(folder).open("ab") as log:
        return subprocess.Popen(
            [*command, "--out", str(folder), *overrides(training)],
            stdout=log,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=REPOSITORY,
        )


def log_of(folder: Path) -> Path:
    return folder.with_suffix(".log")


def said(folder: Path) -> str:
    """The end of what a rank printed, without what torchrun says about its end."""
    return log_of(folder).read_text(errors="replace").split("torch/distributed/elastic")[0][-1500:]


def records(folder: Path) -> list[dict[str, Any]]:
    """What a training logged."""
    return [json.loads(line) for line in (folder / METRICS).read_text().splitlines()]


def losses(folder: Path) -> dict[int, float]:
    """The training loss of each step, nats per token."""
    return {record["step"]: record["loss"] for record in records(folder) if "loss" in record and "event" not in record}
