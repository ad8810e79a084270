"""Vocab: a byte-level BPE vocabulary from the documents, or somebody else's."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.tokens.bpe import adopt_tokenizer, train_tokenizer
from data.tokens.config import VocabConfig
from data.tokens.vocabulary import find_tokenizer, settings_files
from orchestration.shards import Shard
from pipeline.stages.stage import Context, Stage, document_shards


def _run(context: Context, inputs: Mapping[str, Path], config: VocabConfig, out: Path) -> dict[str, Any]:
    work = {"documents": document_shards(inputs["dedup"]), "seed": 0}
    cpus = int(context.cluster["node_CPU"])
    if config.tokenizer is None:
        return context.map(train_tokenizer, [Shard("tokenizer", {**work, "config": config})], out, "", cpus)[0]
    theirs = find_tokenizer(context.base / config.tokenizer)
    return context.map(adopt_tokenizer, [Shard("tokenizer", {**work, "tokenizer": theirs})], out, "", cpus)[0]


def _sources(config: VocabConfig, base: Path) -> dict[str, Path]:
    if config.tokenizer is None:
        return {}
    tokenizer = find_tokenizer(base / config.tokenizer)
    return {path.name: path for path in (tokenizer, *settings_files(tokenizer))}


STAGE = Stage(name="vocab", version=1, inputs=("dedup",), libraries=("tokenizers",), run=_run, sources=_sources)
