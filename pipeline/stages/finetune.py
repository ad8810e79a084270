"""Finetune: sequence classification with the pretrained network, compared with random weights and with what needs no network."""

from collections.abc import Mapping
from pathlib import Path

from model.finetuning.scores import SCORES, STARTS, comparison
from orchestration.files import write_json
from orchestration.shards import Shard
from pipeline.recipe.recipe import FinetuneConfig
from pipeline.releases.find import network_of
from pipeline.stages.counts import Counts
from pipeline.stages.stage import Context, Input, Made, Stage, scores_content


class FinetuneCounts(Counts):
    """What finetune counted. Scores are means over the seeds."""

    training_examples: int
    test_examples: int
    left_out: int = 0
    """Records of other splits."""
    texts_cut: int = 0
    """Texts that are longer than what is read of them."""
    pretrained_accuracy: float
    pretrained_macro_f1: float
    random_weights_accuracy: float
    random_weights_macro_f1: float
    majority_class_accuracy: float
    majority_class_macro_f1: float
    tfidf_accuracy: float | None = None
    """Of logistic regression on TF-IDF; None in what versions before 3 counted."""
    tfidf_macro_f1: float | None = None


def _run(context: Context, inputs: Mapping[str, Path], config: FinetuneConfig, out: Path) -> Made:
    # These import torch, which a plan does not need.
    from pipeline.stages.finetune_shard import finetune_shard, score_without_network

    arguments = {
        "checkpoint": network_of(inputs["network"]),
        "tokenizer": inputs["vocabulary"] / "tokenizer" / "tokenizer.json",
        "data": context.base / config.data,
        "config": config,
    }
    shards = [
        Shard(f"{start}-{seed}", {**arguments, "seed": seed, "pretrained": start == "pretrained"})
        for start in STARTS
        for seed in config.seeds
    ]
    results = context.map(finetune_shard, shards, out, "seeds", gpu=True)
    if results[0]["texts_cut"]:
        context.display.say(f"{context.stage:9} {results[0]['texts_cut']:,} texts are longer than max_length, and cut")
    by_start = {start: results[n * len(config.seeds) : (n + 1) * len(config.seeds)] for n, start in enumerate(STARTS)}
    words = Shard("all", {"data": arguments["data"], "config": config})
    (others,) = context.map(score_without_network, [words], out, "without_network")
    scores = comparison(by_start, others)
    write_json(out / "scores.json", scores)
    counts = {
        "training_examples": results[0]["training_examples"],
        "test_examples": results[0]["test_examples"],
        "left_out": results[0]["left_out"],
        "texts_cut": results[0]["texts_cut"],
        **{f"{start}_{name}": scores[start][name]["mean"] for start in STARTS for name in SCORES},
        **{f"{other}_{name}": scores[other][name] for other in others for name in SCORES},
    }
    return Made(FinetuneCounts(**counts), scores_content(out))


def _sources(config: FinetuneConfig, base: Path) -> dict[str, Path]:
    return {"labelled": base / config.data}


STAGE = Stage(
    name="finetune",
    version=3,
    inputs=(Input("network", label="pretrain"), Input("vocabulary", label="vocab")),
    gives="scores",
    counts=FinetuneCounts,
    libraries=("numpy", "tokenizers", "torch"),
    run=_run,
    content=scores_content,
    verifies=True,
    sources=_sources,
)
