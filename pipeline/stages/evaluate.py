"""Evaluate: perplexity and bits per byte on the test split, compared with n-gram models; tasks; and sample texts."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from data.tokens.token_shards import TokenShardEntry, list_token_shards
from model.evaluation.reportable import perplexity
from model.evaluation.statistics import bootstrap_difference, bootstrap_ratio
from orchestration.files import read_json, write_json
from orchestration.shards import Shard
from pipeline.recipe.recipe import EvaluateConfig
from pipeline.releases.find import network_of
from pipeline.stages.counts import Counts
from pipeline.stages.stage import Context, Input, Made, Stage, scores_content

TASKS = 16  # at most, to score the test split; fixed, so that the files do not depend on the number of workers


class EvaluateCounts(Counts):
    """What evaluate counted on the test split; all are None where there are no tokens."""

    documents: int | None = None
    tokens: int | None = None
    perplexity: float | None = None
    bits_per_byte: float | None = None


def _run(context: Context, inputs: Mapping[str, Path], config: EvaluateConfig, out: Path) -> Made:
    # These import torch, which a plan does not need.
    from pipeline.stages.evaluate_shards import score_task, write_samples

    checkpoint = network_of(inputs["network"])
    tokenizer = inputs["vocabulary"] / "tokenizer" / "tokenizer.json"
    shared = {"checkpoint": checkpoint, "tokenizer": tokenizer, "config": config}
    test = _score_test(context, inputs["tokens"], shared, config, out) if "tokens" in inputs else None
    tasks = [Shard(task.name, {"path": context.base / task.path, "task": task, **shared}) for task in config.tasks]
    answers = context.map(score_task, tasks, out, "tasks", gpu=True)
    results = {task.name: answer for task, answer in zip(config.tasks, answers, strict=True)}
    context.map(write_samples, [Shard("all", shared)], out, "samples", gpu=True)
    write_json(out / "scores.json", {"test": test, "tasks": results})
    return Made(_counts(test), scores_content(out))


def _counts(test: Mapping[str, Any] | None) -> EvaluateCounts:
    if test is None:
        return EvaluateCounts()
    total = test["all"]
    return EvaluateCounts(
        documents=total["documents"],
        tokens=total["tokens"],
        perplexity=total["perplexity"]["value"],
        bits_per_byte=total["bits_per_byte"]["value"],
    )


def _score_test(
    context: Context, tokens: Path, shared: Mapping[str, Any], config: EvaluateConfig, out: Path
) -> dict[str, Any]:
    """Score the test split by the network and by n-gram models; raises ValueError when it has no documents."""
    # These import torch, which a plan does not need.
    from pipeline.stages.evaluate_shards import score_baselines, score_shards

    tests = [entry for entry in list_token_shards(tokens) if entry.split == "test"]
    if not tests:
        raise ValueError("evaluate: the test split has no documents; raise tokenize.test or give the run more text")
    scores = [Shard(f"{number:05d}", {"prefixes": prefixes, **shared}) for number, prefixes in enumerate(_tasks(tests))]
    context.map(score_shards, scores, out, "network", gpu=True)
    baselines = {"tokens": tokens, "tokenizer": shared["tokenizer"], "config": config}
    context.map(score_baselines, [Shard("all", baselines)], out, "ngrams")
    network = [part for shard in scores for part in read_json(out / "network" / shard.key / "documents.json")]
    ngrams = read_json(out / "ngrams" / "all" / "documents.json")
    return summarise(network, ngrams, [entry.source for entry in tests], config)


def _tasks(tests: Sequence[TokenShardEntry]) -> list[list[Path]]:
    """The test shards in order, divided among at most TASKS tasks with about equally many tokens."""
    total, before = sum(entry.tokens for entry in tests), 0
    tasks: dict[int, list[Path]] = {}
    for entry in tests:
        tasks.setdefault(before * TASKS // total, []).append(entry.prefix)
        before += entry.tokens
    return list(tasks.values())


def summarise(
    network: Sequence[Mapping[str, Any]], ngrams: Mapping[str, Any], sources: Sequence[str], config: EvaluateConfig
) -> dict[str, Any]:
    """Scores of the test split for each source and for `all`, with 95 % intervals from a bootstrap over documents.

    `network` has for each shard the nats, tokens and bytes of its documents; `ngrams` has by model and shard the nats of each
    document; `sources` has the source of each shard. For each n-gram model there is also the difference in bits per byte to the
    network (positive: the network is better), resampled in pairs.
    """
    report = {}
    for name in ["all", *sorted(set(sources))]:
        chosen = [n for n, source in enumerate(sources) if name in ("all", source)]
        columns = {
            key: np.concatenate([np.array(network[n][key], dtype=float) for n in chosen])
            for key in ("nats", "tokens", "bytes")
        }
        rivals = {model: np.concatenate([np.array(nats[n]) for n in chosen]) for model, nats in ngrams.items()}
        report[name] = _scores(columns, rivals, config)
    return report


def _scores(
    columns: Mapping[str, np.ndarray], rivals: Mapping[str, np.ndarray], config: EvaluateConfig
) -> dict[str, Any]:
    nats, tokens, bits = columns["nats"], columns["tokens"], columns["bytes"] * np.log(2)
    by_token = bootstrap_ratio(nats, tokens, config.seed, config.resamples)
    scores: dict[str, Any] = {
        "documents": len(nats),
        "tokens": int(tokens.sum()),
        "bytes": int(columns["bytes"].sum()),
        "perplexity": {key: None if value is None else perplexity(value, 1) for key, value in asdict(by_token).items()},
        "bits_per_byte": asdict(bootstrap_ratio(nats, bits, config.seed, config.resamples)),
    }
    for name, rival in rivals.items():
        scores[name] = {
            "perplexity": perplexity(rival.sum(), tokens.sum()),
            "bits_per_byte": float(rival.sum() / bits.sum()),
            "difference": asdict(bootstrap_difference(rival, nats, bits, config.seed, config.resamples)),
        }
    return scores


def _sources(config: EvaluateConfig, base: Path) -> dict[str, Path]:
    return {f"task:{task.name}": base / task.path for task in config.tasks}


STAGE = Stage(
    name="evaluate",
    version=3,
    inputs=(
        Input("network", label="pretrain"),
        Input("tokens", label="tokenize", optional=True),
        Input("vocabulary", label="vocab"),
    ),
    gives="scores",
    counts=EvaluateCounts,
    libraries=("numpy", "torch"),
    run=_run,
    content=scores_content,
    verifies=True,
    sources=_sources,
)
