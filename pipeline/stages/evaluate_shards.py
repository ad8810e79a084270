"""The tasks of evaluate: scoring the test split by the network and by n-gram models, multiple choice, and sample texts.

They stand apart from the stage because they need torch, which a plan does not need.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from data.tables import read_table
from data.tokens.token_shards import TokenShard, list_token_shards
from data.tokens.vocabulary import Encoder, Vocabulary, load_vocabulary
from model.evaluation.choices import read_items, score_items, summary
from model.evaluation.evaluate import score_documents
from model.evaluation.ngram_models import KneserNey, Unigram, fit_kneser_ney, fit_unigram
from model.evaluation.statistics import bootstrap_ratio
from orchestration.files import write_json
from pipeline.recipe.recipe import EvaluateConfig, TaskConfig
from pipeline.releases.find import Release
from pipeline.releases.generate_text import continue_prompt
from pipeline.releases.open import open_release


def score_shards(
    out: Path, checkpoint: Path, tokenizer: Path, prefixes: Sequence[Path], config: EvaluateConfig
) -> dict[str, Any]:
    """Score test shards with the network; writes documents.json, with nats, tokens and bytes of each document by shard.

    Raises ValueError naming the first document whose score is no number.
    """
    network, vocabulary = open_release(Release(checkpoint, tokenizer))
    facts, tokens = [], 0
    for prefix in prefixes:
        documents, sizes = read_documents(prefix, vocabulary)
        scores = score_documents(
            network,
            documents,
            sizes,
            vocabulary.start_id,
            batch_size=config.batch_size,
            name=lambda number, shard=prefix.name: f"document {number + 1} of {shard}",  # type: ignore[misc]
        )
        facts.append({"nats": scores.nats.tolist(), "tokens": scores.tokens.tolist(), "bytes": scores.bytes.tolist()})
        tokens += int(scores.tokens.sum())
    write_json(out / "documents.json", facts)
    return {"documents": sum(len(part["nats"]) for part in facts), "tokens": tokens}


def score_baselines(out: Path, tokens: Path, tokenizer: Path, config: EvaluateConfig) -> dict[str, Any]:
    """Train n-gram models and score every test shard; writes documents.json, with nats by model, shard and document."""
    entries = list_token_shards(tokens)
    training = _share(
        [TokenShard.open(entry.prefix).tokens for entry in entries if entry.split == "train"], config.baseline_tokens
    )
    vocabulary = load_vocabulary(tokenizer)
    models: dict[str, Unigram | KneserNey] = {
        "unigram": fit_unigram(training, vocabulary.size),
        f"{config.baseline_order}-gram": fit_kneser_ney(
            training, config.baseline_order, vocabulary.size, separator=vocabulary.start_id
        ),
    }
    tests = [read_documents(entry.prefix, vocabulary)[0] for entry in entries if entry.split == "test"]
    scores = {
        name: [[float(model.score(document).sum()) for document in documents] for documents in tests]
        for name, model in models.items()
    }
    write_json(out / "documents.json", scores)
    return {"training_tokens": int(sum(len(part) for part in training))}


def score_task(
    out: Path, path: Path, task: TaskConfig, checkpoint: Path, tokenizer: Path, config: EvaluateConfig
) -> dict[str, Any]:
    """Score a multiple-choice task; gives the accuracy by log-likelihood, raw and by byte, with 95 % intervals over items.

    Raises ValueError when the file has an item that is not one.
    """
    network, vocabulary = open_release(Release(checkpoint, tokenizer))
    scores = score_items(
        network,
        read_items(path),
        Encoder(vocabulary).encode_to_lists,
        start_id=vocabulary.start_id,
        batch_size=config.batch_size,
    )
    ones = np.ones(len(scores))
    measures = {"accuracy": [s.right for s in scores], "accuracy_per_byte": [s.right_per_byte for s in scores]}
    result: dict[str, Any] = {
        name: asdict(bootstrap_ratio(np.array(right, dtype=float), ones, config.seed, config.resamples))
        for name, right in measures.items()
    }
    sizes = {name: value for name, value in summary(scores).items() if name not in measures}
    return result | sizes


def write_samples(out: Path, checkpoint: Path, tokenizer: Path, config: EvaluateConfig) -> dict[str, Any]:
    """Let the network go on from each prompt; writes samples.json, with prompts and texts."""
    network, vocabulary = open_release(Release(checkpoint, tokenizer))
    samples = []
    for number, prompt in enumerate(config.prompts):
        text = continue_prompt(
            network,
            vocabulary,
            prompt,
            config.max_new_tokens,
            config.temperature,
            config.top_k or 0,
            config.seed + number,
        )
        samples.append({"prompt": prompt, "text": text})
    write_json(out / "samples.json", samples)
    return {"samples": len(samples)}


def read_documents(prefix: Path, vocabulary: Vocabulary) -> tuple[list[np.ndarray], list[int]]:
    """The documents of a token shard: the ids of each text, (tokens,), and the size of each text in UTF-8 bytes."""
    shard = TokenShard.open(prefix)
    sizes = read_table(Path(f"{prefix}.parquet"), ["bytes"])["bytes"].to_pylist()
    return [vocabulary.text_of(np.asarray(shard.document(n))) for n in range(len(sizes))], sizes


def _share(streams: Sequence[np.ndarray], tokens: int) -> list[np.ndarray]:
    """The beginning of each stream, the same share of all, so that it is at most `tokens` tokens in all."""
    total = sum(map(len, streams))
    return [stream[: len(stream) * tokens // total] for stream in streams] if total > tokens else list(streams)
