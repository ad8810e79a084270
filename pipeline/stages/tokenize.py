"""Tokenize: documents become token shards by source and split, with the table that leads back to each document."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.tokens.config import TokenizeConfig
from data.tokens.tokenize import tokenize_shard
from pipeline.stages.stage import Context, Stage, add_up, document_shards, numbered


def _run(context: Context, inputs: Mapping[str, Path], config: TokenizeConfig, out: Path) -> dict[str, Any]:
    tokenizer = inputs["vocab"] / "tokenizer" / "tokenizer.json"
    shards = numbered(document_shards(inputs["dedup"]), tokenizer=tokenizer, config=config)
    return add_up(context.map(tokenize_shard, shards, out, "shards"))


STAGE = Stage(
    name="tokenize", version=1, inputs=("dedup", "vocab"), libraries=("pyarrow", "tiktoken", "tokenizers"), run=_run
)
