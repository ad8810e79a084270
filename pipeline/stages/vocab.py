"""Vocab: a byte-level BPE vocabulary from the documents."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.bpe import VocabConfig, train_tokenizer
from orchestration.shards import Shard
from pipeline.stage import Context, Stage, document_shards


def _run(context: Context, inputs: Mapping[str, Path], config: VocabConfig, out: Path) -> dict[str, Any]:
    work = Shard("tokenizer", {"documents": document_shards(inputs["dedup"]), "config": config, "seed": 0})
    return context.map(train_tokenizer, [work], out, "", cpus=int(context.cluster["node_CPU"]))[0]


STAGE = Stage(name="vocab", version=1, inputs=("dedup",), libraries=("tokenizers",), run=_run)
