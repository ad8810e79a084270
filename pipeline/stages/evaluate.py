"""Evaluate: perplexity and bits per byte on the test split beside n-gram models, tasks, and sample texts."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.tokens.tokenize import TokenShardEntry, list_token_shards
from data.tokens.vocabulary import Encoder, Vocabulary, load_vocabulary
from orchestration.files import read_json, write_json
from orchestration.shards import Shard
from pipeline.recipe.recipe import EvaluateConfig, TaskConfig
from pipeline.releases.find import device, newest_checkpoint
from pipeline.stages.stage import Context, Made, Stage, scores_content

BASELINES = ("unigram", "bigram")
BASELINE_TOKENS = 2**28  # training tokens that the n-gram models see at most: more would not make them better
TASKS = 16  # that the test split is scored in at most; fixed, so that the files do not depend on the workers


def _run(context: Context, inputs: Mapping[str, Path], config: EvaluateConfig, out: Path) -> Made:
    checkpoint = newest_checkpoint(inputs["pretrain"])
    tokenizer = inputs["vocab"] / "tokenizer" / "tokenizer.json"
    tokens = inputs["tokenize"]
    tests = [entry for entry in list_token_shards(tokens) if entry.split == "test"]
    if not tests:
        raise ValueError("evaluate: the test split has no documents; raise tokenize.test or give the run more text")
    shared = {"checkpoint": checkpoint, "tokenizer": tokenizer, "config": config}
    scores = [Shard(f"{number:05d}", {"prefixes": prefixes, **shared}) for number, prefixes in enumerate(_tasks(tests))]
    context.map(score_shards, scores, out, "network", gpu=True)
    context.map(score_baselines, [Shard("all", {"tokens": tokens, "tokenizer": tokenizer})], out, "ngrams")
    tasks = [Shard(task.name, {"path": context.base / task.path, "task": task, **shared}) for task in config.tasks]
    answers = context.map(score_task, tasks, out, "tasks", gpu=True)
    results = {task.name: answer for task, answer in zip(config.tasks, answers, strict=True)}
    context.map(write_samples, [Shard("all", shared)], out, "samples", gpu=True)
    network = [part for shard in scores for part in read_json(out / "network" / shard.key / "documents.json")]
    ngrams = read_json(out / "ngrams" / "all" / "documents.json")
    report = {"test": summarise(network, ngrams, [entry.source for entry in tests], config), "tasks": results}
    write_json(out / "scores.json", report)
    total = report["test"]["all"]
    counts = {
        "documents": total["documents"],
        "tokens": total["tokens"],
        "perplexity": total["perplexity"]["value"],
        "bits_per_byte": total["bits_per_byte"]["value"],
    }
    return Made(counts, scores_content(out))


def _tasks(tests: Sequence[TokenShardEntry]) -> list[list[Path]]:
    """The test shards in order, as at most TASKS pieces of about equal size."""
    total, before = sum(entry.tokens for entry in tests), 0
    tasks: dict[int, list[Path]] = {}
    for entry in tests:
        tasks.setdefault(before * TASKS // total, []).append(entry.prefix)
        before += entry.tokens
    return list(tasks.values())


def score_shards(
    out: Path, checkpoint: Path, tokenizer: Path, prefixes: Sequence[Path], config: EvaluateConfig
) -> dict[str, Any]:
    """Score test shards with the network; writes documents.json: by shard, nats, tokens and bytes of each document."""
    from model.evaluation.evaluate import score_documents
    from model.formats.load import load_network

    network, vocabulary = load_network(checkpoint, device=device()), load_vocabulary(tokenizer)
    facts, tokens = [], 0
    for prefix in prefixes:
        documents, sizes = test_documents(prefix, vocabulary)
        scores = score_documents(network, documents, sizes, vocabulary.start_id, batch_size=config.batch_size)
        facts.append({"nats": scores.nats.tolist(), "tokens": scores.tokens.tolist(), "bytes": scores.bytes.tolist()})
        tokens += int(scores.tokens.sum())
    write_json(out / "documents.json", facts)
    return {"documents": sum(len(part["nats"]) for part in facts), "tokens": tokens}


def score_baselines(out: Path, tokens: Path, tokenizer: Path) -> dict[str, Any]:
    """Train the n-gram models, score every test shard with them; writes documents.json: nats by model, shard and document."""
    from data.tokens.token_shards import TokenShard
    from model.evaluation.ngrams import Bigram, Unigram, fit_bigram, fit_unigram

    entries = list_token_shards(tokens)
    training = _at_most(
        [TokenShard.open(entry.prefix).tokens for entry in entries if entry.split == "train"], BASELINE_TOKENS
    )
    vocabulary = load_vocabulary(tokenizer)
    models: dict[str, Unigram | Bigram] = {
        "unigram": fit_unigram(training, vocabulary.size),
        "bigram": fit_bigram(training, vocabulary.size, separator=vocabulary.start_id),
    }
    tests = [test_documents(entry.prefix, vocabulary)[0] for entry in entries if entry.split == "test"]
    scores = {
        name: [[float(model.score(document).sum()) for document in documents] for documents in tests]
        for name, model in models.items()
    }
    write_json(out / "documents.json", scores)
    return {"training_tokens": int(sum(len(part) for part in training))}


def _at_most(streams: Sequence[np.ndarray], tokens: int) -> list[np.ndarray]:
    """The beginning of the streams, `tokens` in all."""
    kept: list[np.ndarray] = []
    for stream in streams:
        kept.append(stream[: tokens - sum(map(len, kept))])
    return [part for part in kept if len(part)]


def score_task(
    out: Path, path: Path, task: TaskConfig, checkpoint: Path, tokenizer: Path, config: EvaluateConfig
) -> dict[str, Any]:
    """Score a multiple-choice task; accuracy by log-likelihood, raw and by byte, with a 95 % interval over items."""
    from model.evaluation.choices import read_items, score_items
    from model.evaluation.statistics import bootstrap_ratio
    from model.formats.load import load_network

    vocabulary = load_vocabulary(tokenizer)
    encoder = Encoder(vocabulary)
    scores = score_items(
        load_network(checkpoint, device=device()),
        read_items(path),
        encode=lambda text: encoder.encode([text])[0].tolist(),
        start_id=vocabulary.start_id,
        batch_size=config.batch_size,
    )
    ones = np.ones(len(scores))
    measures = {"accuracy": [s.right for s in scores], "accuracy_per_byte": [s.right_per_byte for s in scores]}
    result: dict[str, Any] = {
        name: interval_facts(bootstrap_ratio(np.array(right, dtype=float), ones, config.seed, config.resamples))
        for name, right in measures.items()
    }
    return result | {"items": len(scores), "chance": float(np.mean([1 / len(s.bytes) for s in scores]))}


def write_samples(out: Path, checkpoint: Path, tokenizer: Path, config: EvaluateConfig) -> dict[str, Any]:
    """Let the network go on from each prompt; writes samples.json."""
    from model.evaluation.generate import generate
    from model.formats.load import load_network

    network, vocabulary = load_network(checkpoint, device=device()), load_vocabulary(tokenizer)
    encoder, samples = Encoder(vocabulary), []
    for number, prompt in enumerate(config.prompts):
        ids = [vocabulary.start_id, *encoder.encode([prompt])[0].tolist()]
        grown = generate(
            network,
            ids,
            config.max_new_tokens,
            temperature=config.temperature,
            top_k=config.top_k or 0,
            seed=config.seed + number,
            stop_id=vocabulary.end_id,
        )
        samples.append({"prompt": prompt, "text": vocabulary.continued(ids, grown)})
    write_json(out / "samples.json", samples)
    return {"samples": len(samples)}


def test_documents(prefix: Path, vocabulary: Vocabulary) -> tuple[list[np.ndarray], list[int]]:
    """The ids of the text of each document of a test shard, and its bytes."""
    from data.tables import read_table
    from data.tokens.token_shards import TokenShard

    shard = TokenShard.open(prefix)
    sizes = read_table(Path(f"{prefix}.parquet"), ["bytes"])["bytes"].to_pylist()
    return [vocabulary.text_of(np.asarray(shard.document(n))) for n in range(len(sizes))], sizes


def summarise(
    network: Sequence[Mapping[str, Any]], ngrams: Mapping[str, Any], sources: Sequence[str], config: EvaluateConfig
) -> dict[str, Any]:
    """Scores of the test split by source and in all, with 95 % intervals from a bootstrap over documents.

    `network` and `ngrams` hold figures by shard, `sources` the source of each shard. Beside each n-gram model stands the
    difference in bits per byte to the network (positive: the network is better), resampled in pairs.
    """
    report = {}
    for name in ["all", *sorted(set(sources))]:
        chosen = [n for n, source in enumerate(sources) if name in ("all", source)]
        columns = {
            key: np.concatenate([np.array(network[n][key], dtype=float) for n in chosen])
            for key in ("nats", "tokens", "bytes")
        }
        rivals = {model: np.concatenate([np.array(ngrams[model][n]) for n in chosen]) for model in BASELINES}
        report[name] = _scores(columns, rivals, config)
    return report


def _scores(
    columns: Mapping[str, np.ndarray], rivals: Mapping[str, np.ndarray], config: EvaluateConfig
) -> dict[str, Any]:
    from model.evaluation.statistics import bootstrap_difference, bootstrap_ratio

    nats, tokens, bits = columns["nats"], columns["tokens"], columns["bytes"] * np.log(2)
    by_token = bootstrap_ratio(nats, tokens, config.seed, config.resamples)
    scores: dict[str, Any] = {
        "documents": len(nats),
        "tokens": int(tokens.sum()),
        "bytes": int(columns["bytes"].sum()),
        "perplexity": {key: float(np.exp(value)) for key, value in interval_facts(by_token).items()},
        "bits_per_byte": interval_facts(bootstrap_ratio(nats, bits, config.seed, config.resamples)),
    }
    for name, rival in rivals.items():
        scores[name] = {
            "perplexity": float(np.exp(rival.sum() / tokens.sum())),
            "bits_per_byte": float(rival.sum() / bits.sum()),
            "difference": interval_facts(bootstrap_difference(rival, nats, bits, config.seed, config.resamples)),
        }
    return scores


def interval_facts(interval: Any) -> dict[str, float]:
    """An interval as JSON."""
    return {"value": float(interval.value), "low": float(interval.low), "high": float(interval.high)}


def _sources(config: EvaluateConfig, base: Path) -> dict[str, Path]:
    return {f"task:{task.name}": base / task.path for task in config.tasks}


STAGE = Stage(
    name="evaluate",
    version=2,
    inputs=("pretrain", "tokenize", "vocab"),
    libraries=("numpy", "torch"),
    run=_run,
    content=scores_content,
    verifies=("pretrain", "tokenize", "vocab"),
    sources=_sources,
)
