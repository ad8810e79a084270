"""The goldens of pretrain: a tiny network trained for a few steps in many ways, all in one process and on the CPU."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.tokens.tokenize import TokenizeConfig, tokenize_shard
from model.formats.checkpoint import find_checkpoint
from model.formats.convert_hf import export_hf
from model.formats.tensors import read_weights
from model.training.distributed import close_distributed
from pipeline.goldens.content import Golden, Values, write_documents
from pipeline.goldens.networks import figures, network_of
from pipeline.goldens.texts import GERMAN, PROSE
from pipeline.goldens.tokens import TRAINED
from pipeline.pretrain import CHECKPOINTS, METRICS, run_rank

MODEL = {"vocab_size": 320, "max_sequence_length": 32, "d_model": 16, "n_layers": 2, "n_heads": 4, "n_kv_heads": 2}
TRAINING = {
    "steps": 6,
    "sequence_length": 32,
    "global_batch": 4,
    "learning_rate": 0.02,
    "warmup_steps": 2,
    "weight_decay": 1.0,
    "clip": 0.5,
    "adam_eps": 1e-3,  # large beside a gradient: otherwise AdamW undoes what clipping does
    "threads": 1,
    "validate_every": 3,
    "checkpoint_every": 0,
}
# What each way of training changes in TRAINING, or, under `model` and `sampling`, in the other sections.
VARIANTS: dict[str, dict[str, Any]] = {
    "adamw": {},
    "linear": {"schedule": "linear"},
    "inverse_sqrt": {"schedule": "inverse_sqrt"},
    "constant": {"schedule": "constant"},
    "warmup_stable_decay": {"schedule": "warmup_stable_decay", "decay_share": 0.5},
    "muon": {"optimizer": "muon"},
    "muon_float32": {"optimizer": "muon", "muon_dtype": "float32", "muon_iterations": 3},
    "batch_ramp": {"micro_batch": 1, "batch_ramp": {"start": 1, "increment": 1, "samples": 10}},
    "bfloat16": {"dtype": "bfloat16"},
    "mask_documents": {"mask_documents": True},
    "z_loss": {"z_loss": 0.01},
    "spikes": {"spikes": {"deviations": 0.5, "window": 4, "patience": 8}},
    "zero_stage 0": {"zero_stage": 0},
    "zero_stage 3": {"zero_stage": 3},
    "weights": {"sampling": {"weights": {"english": 3, "german": 1}, "seed": 1}},
    "dropout": {"model": {"dropout": 0.2}},
    "init_from": {"init_from": "origin"},
}
TIMEOUT = 600  # seconds
# The process starts here, so that no file of the user's folder is imported in place of ours.
ROOT = Path(__file__).parents[2]


def train(variants: Mapping[str, Mapping[str, Any]], folder: Path) -> Values:
    """Train in each of these ways in one further process; losses, gradient norms, validation losses and weights by variant."""
    folder = folder.resolve()
    tokens = _write_tokens(folder)
    jobs = {name: _arguments(variant, tokens, folder / name) for name, variant in variants.items()}
    for job in jobs.values():
        Path(job["folder"]).mkdir()
    _write_origin(folder / "origin")
    path = folder / "jobs.json"
    path.write_text(json.dumps(list(jobs.values())), encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if key not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")}
    environment |= {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "pipeline.goldens.pretrain", str(path)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, timeout=TIMEOUT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"the goldens of pretrain could not be made: {done.stderr[-2000:]}")
    return {f"{name}/{part}": numbers for name in jobs for part, numbers in _figures(folder / name).items()}


def _write_tokens(folder: Path) -> Path:
    """Token shards of two sources, each document a sentence."""
    for source, text in (("english", PROSE), ("german", GERMAN)):
        sentences = {f"{n}": sentence for n, sentence in enumerate(text.split(". ") * 3)}
        documents = write_documents(folder / f"{source}.parquet", sentences, source=source)
        (folder / "tokens" / source).mkdir(parents=True)
        tokenize_shard(folder / "tokens" / source, documents, TRAINED, TokenizeConfig(validation=0.2, test=0))
    return folder / "tokens"


def _write_origin(folder: Path) -> None:
    """A Hugging Face folder with other first weights, from which a training can begin."""
    network = network_of(MODEL)
    export_hf(network.state_dict(), network.config, folder, TRAINED, end_id=0)


def _arguments(variant: Mapping[str, Any], tokens: Path, folder: Path) -> dict[str, Any]:
    others = ("model", "sampling", "init_from")
    origin = folder.parent / variant["init_from"] if "init_from" in variant else None
    return {
        "model": MODEL | variant.get("model", {}),
        "training": TRAINING | {name: value for name, value in variant.items() if name not in others},
        "sampling": variant.get("sampling", {}),
        "tokens": str(tokens),
        "tokenizer": str(TRAINED),
        "folder": str(folder),
        "init_from": origin and str(origin),
        "init": "weights",
    }


def _figures(folder: Path) -> dict[str, list[float]]:
    """What a training logged, step by step, and a figure of each of its weights."""
    records = [json.loads(line) for line in (folder / METRICS).read_text(encoding="utf-8").splitlines()]
    steps = [record for record in records if "loss" in record and "event" not in record]
    weights = read_weights(find_checkpoint(folder / CHECKPOINTS))
    return {
        "losses": [record["loss"] for record in steps],
        "norms": [record["gradient_norm"] for record in steps],
        "validation": [record["validation_loss"] for record in records if "validation_loss" in record],
        "weights": figures(weights.items()),
    }


def _train_all(folder: Path) -> Values:
    return train(VARIANTS, folder)


GOLDENS: dict[str, Golden] = {"training": _train_all}


def main() -> None:
    """Train in the ways that a JSON file lists: the process that `train` starts."""
    for arguments in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")):
        run_rank(arguments)
    close_distributed()


if __name__ == "__main__":
    main()
