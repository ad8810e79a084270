"""Dedup: exact and near duplicates, and what evaluation files contain, leave the corpus.

Four steps: sign every shard; match the signatures, a partition of the bands at a time; resolve the matches to one survivor
each; write each shard without the others.
"""

from collections.abc import Mapping
from pathlib import Path

from data.content import joined
from data.dedup.config import DedupConfig
from data.dedup.dedup import dedup_shard, match_partition, resolve_duplicates, sign_shard
from orchestration.shards import Shard
from pipeline.stages.stage import Context, Made, Stage, add_up, document_shards, documents_below, numbered

PARTITIONS = 16  # of the band hashes; fixed, so that the files do not depend on the workers


def _run(context: Context, inputs: Mapping[str, Path], config: DedupConfig, out: Path) -> Made:
    documents = document_shards(inputs["clean"])
    context.map(sign_shard, numbered(documents, config=config), out, "signatures")
    signatures = sorted(out.glob("signatures/*/signatures.parquet"))
    partitions = [
        Shard(f"{n:05d}", {"signatures": signatures, "partition": n, "partitions": PARTITIONS, "config": config})
        for n in range(PARTITIONS)
    ]
    context.map(match_partition, partitions, out, "matches")
    edges = sorted(out.glob("matches/*/edges.parquet"))
    context.map(
        resolve_duplicates,
        [Shard("all", {"signatures": signatures, "edges": edges, "config": config})],
        out,
        "duplicates",
    )
    shards = numbered(
        documents,
        duplicates=out / "duplicates" / "all" / "duplicates.parquet",
        config=config,
        benchmark_files=list(_sources(config, context.base).values()),
    )
    results = context.map(dedup_shard, shards, out, "shards")
    return Made(add_up(results), joined(result["content"] for result in results))


def _sources(config: DedupConfig, base: Path) -> dict[str, Path]:
    files = config.contamination.files if config.contamination else []
    return {f"contamination:{file}": base / file for file in files}


STAGE = Stage(
    name="dedup",
    version=1,
    inputs=("clean",),
    libraries=("numpy", "pyarrow", "scipy", "unicode", "xxhash"),
    run=_run,
    content=documents_below,
    sources=_sources,
)
