"""Finetune: sequence classification from the pretrained checkpoint, beside the majority class and the same network untrained."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.tokens.vocabulary import Encoder, load_vocabulary
from orchestration.files import write_json
from orchestration.shards import Shard
from pipeline.recipe.recipe import FinetuneConfig
from pipeline.releases.find import device, newest_checkpoint
from pipeline.stages.stage import Context, Made, Stage, scores_content

STARTS = ("pretrained", "random_weights")


def _run(context: Context, inputs: Mapping[str, Path], config: FinetuneConfig, out: Path) -> Made:
    arguments = {
        "checkpoint": newest_checkpoint(inputs["pretrain"]),
        "tokenizer": inputs["vocab"] / "tokenizer" / "tokenizer.json",
        "data": context.base / config.data,
        "config": config,
    }
    shards = [
        Shard(f"{start}-{seed}", {**arguments, "seed": seed, "pretrained": start == "pretrained", "save": n == 0})
        for start in STARTS
        for n, seed in enumerate(config.seeds)
    ]
    results = context.map(finetune_shard, shards, out, "seeds", gpu=True)
    by_start = {start: results[n * len(config.seeds) : (n + 1) * len(config.seeds)] for n, start in enumerate(STARTS)}
    scores: dict[str, Any] = {start: _mean_and_spread(found) for start, found in by_start.items()}
    scores["majority_class"] = {name: results[0][f"majority_{name}"] for name in ("accuracy", "macro_f1")}
    write_json(out / "scores.json", scores)
    counts = {
        "training_examples": results[0]["training_examples"],
        "test_examples": results[0]["test_examples"],
        "left_out": results[0]["left_out"],
        **{f"{start}_{name}": scores[start][name]["mean"] for start in STARTS for name in ("accuracy", "macro_f1")},
        **{f"majority_class_{name}": value for name, value in scores["majority_class"].items()},
    }
    return Made(counts, scores_content(out))


def finetune_shard(
    out: Path,
    checkpoint: Path,
    tokenizer: Path,
    data: Path,
    config: FinetuneConfig,
    seed: int,
    pretrained: bool,
    save: bool,
) -> dict[str, Any]:
    """Fine-tune once; the first seed's pretrained classifier is kept in `classifier/`."""
    from model.finetuning.classifier_files import save_classifier
    from model.finetuning.classify import finetune, majority_scores
    from model.finetuning.examples import read_examples
    from model.formats.load import load_network

    vocabulary = load_vocabulary(tokenizer)
    encoder = Encoder(vocabulary)
    examples = read_examples(data, config)
    classifier, scores = finetune(
        load_network(checkpoint, device=device()),
        examples,
        lambda texts: [ids.tolist() for ids in encoder.encode(texts)],
        config,
        start_id=vocabulary.start_id,
        seed=seed,
        pretrained=pretrained,
    )
    if save and pretrained:
        save_classifier(out / "classifier", classifier, config, vocabulary.start_id, tokenizer)
    majority = {f"majority_{name}": value for name, value in majority_scores(examples).items()}
    sizes = {"training_examples": len(examples.train), "test_examples": len(examples.test)}
    return {**scores, **majority, **sizes, "left_out": examples.other_splits}


def _mean_and_spread(results: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "mean": float(np.mean([result[name] for result in results])),
            "seeds": [result[name] for result in results],
        }
        for name in ("accuracy", "macro_f1")
    }


def _sources(config: FinetuneConfig, base: Path) -> dict[str, Path]:
    return {"labelled": base / config.data}


STAGE = Stage(
    name="finetune",
    version=2,
    inputs=("pretrain", "vocab"),
    libraries=("numpy", "tokenizers", "torch"),
    run=_run,
    content=scores_content,
    verifies=("pretrain", "vocab"),
    sources=_sources,
)
