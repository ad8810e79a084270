"""Tokenize: documents become token shards by source and split. A table beside each leads back from tokens to documents.

A step before lists the documents by split, so that a split that would be empty gets some.
"""

from collections.abc import Mapping
from pathlib import Path

from data.content import joined_by_key
from data.tokens.config import TokenizeConfig
from data.tokens.splits import FILE, list_splits, moved_documents
from data.tokens.tokenize import tokenize_shard, tokens_content
from orchestration.identity import digest
from orchestration.shards import Shard
from pipeline.stages.counts import TokenCounts
from pipeline.stages.stage import Context, Input, Made, MapWork, Stage, add_up, document_shards, numbered


def _run(context: Context, inputs: Mapping[str, Path], config: TokenizeConfig, out: Path) -> Made:
    context.map(list_splits, numbered(document_shards(inputs["documents"]), config=config), out, "splits")
    results = context.map(tokenize_shard, _shards(context.base, inputs, config, out), out, "shards")
    return Made(TokenCounts(**add_up(results)), digest(joined_by_key(result["content"] for result in results)))


def _shards(base: Path, inputs: Mapping[str, Path], config: TokenizeConfig, out: Path) -> list[Shard]:
    tokenizer = inputs["vocabulary"] / "tokenizer" / "tokenizer.json"
    moved = moved_documents(sorted(out.glob(f"splits/*/{FILE}")), config)
    return numbered(document_shards(inputs["documents"]), tokenizer=tokenizer, config=config, moved=moved)


def _content(artifact: Path) -> str:
    return digest(tokens_content(artifact))


STAGE = Stage(
    name="tokenize",
    version=2,
    inputs=(Input("documents", label="dedup"), Input("vocabulary", label="vocab")),
    gives="tokens",
    counts=TokenCounts,
    libraries=("pyarrow", "tiktoken", "tokenizers"),
    run=_run,
    content=_content,
    map_work=MapWork(tokenize_shard, _shards),
)
