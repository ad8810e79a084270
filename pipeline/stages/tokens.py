"""Tokens: token shards that others made are taken over, by source and split, as `tokenize` would have made them."""

from collections.abc import Mapping
from pathlib import Path

from data.content import joined_by_key
from data.tokens.config import TokensConfig
from data.tokens.taken import plan_parts, take_part, taken_files
from data.tokens.tokenize import tokens_content
from orchestration.identity import digest
from orchestration.shards import Shard
from pipeline.stages.counts import TokenCounts
from pipeline.stages.stage import Context, Input, Made, MapWork, Stage, add_up


def _run(context: Context, inputs: Mapping[str, Path], config: TokensConfig, out: Path) -> Made:
    results = context.map(take_part, _shards(context.base, inputs, config, out), out, "shards")
    return Made(TokenCounts(**add_up(results)), digest(joined_by_key(result["content"] for result in results)))


def _shards(base: Path, inputs: Mapping[str, Path], config: TokensConfig, out: Path) -> list[Shard]:
    tokenizer = inputs["vocabulary"] / "tokenizer" / "tokenizer.json"
    return [
        Shard(f"{number:05d}", {"part": part, "tokenizer": tokenizer, "config": config})
        for number, part in enumerate(plan_parts(config, base))
    ]


def _sources(config: TokensConfig, base: Path) -> dict[str, Mapping[str, Path]]:
    return {f"tokens of {source.name}": taken_files(source, base) for source in config.sources}


def _content(artifact: Path) -> str:
    return digest(tokens_content(artifact))


STAGE = Stage(
    name="tokens",
    version=1,
    inputs=(Input("vocabulary"),),
    gives="tokens",
    counts=TokenCounts,
    libraries=("tokenizers",),
    run=_run,
    content=_content,
    map_work=MapWork(take_part, _shards),
    sources=_sources,
)
