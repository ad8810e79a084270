"""The goldens of evaluate: scores of documents by networks of every kind, n-gram models, tasks, and texts that are generated."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from data.tokens.vocabulary import Encoder, load_vocabulary
from model.evaluation.choices import parse_item, score_items
from model.evaluation.evaluate import score_documents
from model.evaluation.generate import generate
from model.evaluation.ngram_models import KneserNey, Unigram, fit_kneser_ney, fit_unigram
from pipeline.goldens.content import Golden, Values
from pipeline.goldens.networks import FAMILIES, OTHERS, SIZES, network_of
from pipeline.goldens.texts import GERMAN, PROSE
from pipeline.goldens.tokens import TRAINED
from pipeline.recipe.recipe import EvaluateConfig
from pipeline.stages.evaluate import summarise

TEXTS = [PROSE, *GERMAN.split(". "), "short"]  # the first are longer than what a network reads at once
TASK = [
    {"context": "The boats go out with", "choices": ["the tide", "the tide in the morning", "nets"], "answer": 0},
    {"context": "In summer ", "choices": ["visitors come", "nobody walks"], "answer": 0},
]
GENERATED: dict[str, dict[str, Any]] = {
    "greedy": {},
    "sampled": {"temperature": 0.8, "top_k": 20, "seed": 1},
    "nucleus": {"temperature": 1.0, "top_p": 0.7},
}


def _score(fields: dict[str, Any], folder: Path) -> Values:
    scores = score_documents(network_of(fields), *_documents(), start_id=0)
    return {"nats": scores.nats.tolist()}


def _documents() -> tuple[list[np.ndarray], list[int]]:
    """Ids and bytes of the texts."""
    return Encoder(load_vocabulary(TRAINED)).encode(TEXTS), [len(text.encode()) for text in TEXTS]


def _score_ngrams(folder: Path) -> Values:
    documents, _ = _documents()
    unigram = fit_unigram(documents[:3], SIZES["vocab_size"])
    models: dict[str, Unigram | KneserNey] = {"unigram": unigram}
    for order in (2, 5):
        models[f"{order}-gram"] = fit_kneser_ney(documents[:3], order, SIZES["vocab_size"], separator=0)
    return {name: [float(model.score(ids).sum()) for ids in documents] for name, model in models.items()}


def _score_task(folder: Path) -> Values:
    encoder = Encoder(load_vocabulary(TRAINED))
    items = [parse_item(record, "") for record in TASK]
    scores = score_items(network_of({}), items, encoder.encode_to_lists, start_id=0)
    return {
        "log_likelihoods": [value for item in scores for value in item.log_likelihoods],
        "right": [float(value) for item in scores for value in (item.right, item.right_per_byte)],
    }


def _generate(folder: Path) -> Values:
    """Texts that grow longer than what the network reads at once."""
    network = network_of({})
    return {name: list(map(float, generate(network, [0, 40, 50], 30, **how))) for name, how in GENERATED.items()}


def _summarise(folder: Path) -> Values:
    """The report of the stage: scores by source with their intervals, beside the n-gram models."""
    scores = score_documents(network_of({}), *_documents(), start_id=0)
    columns = {name: getattr(scores, name).tolist() for name in ("nats", "tokens", "bytes")}
    shards = [{name: column[part] for name, column in columns.items()} for part in (slice(0, 3), slice(3, None))]
    ngrams = {name: [[7.0] * len(shard["nats"]) for shard in shards] for name in ("unigram", "5-gram")}
    report = summarise(shards, ngrams, ["english", "german"], EvaluateConfig(resamples=200))
    return {name: list(map(float, _numbers(part))) for name, part in report.items()}


def _numbers(value: Any) -> list[float]:
    """All numbers in nested mappings, in order; -1 for the bounds of an interval that there is not."""
    if isinstance(value, dict):
        return [number for part in value.values() for number in _numbers(part)]
    return [-1 if value is None else value]


GOLDENS: dict[str, Golden] = {
    **{name: partial(_score, fields) for name, fields in (FAMILIES | OTHERS).items()},
    "ngrams": _score_ngrams,
    "task": _score_task,
    "generate": _generate,
    "summary": _summarise,
}
