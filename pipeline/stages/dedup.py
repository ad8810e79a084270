"""Dedup: exact duplicates, near duplicates, and documents that contain texts of evaluation files leave the corpus.

Evaluation files, if there are any, are read in a step of their own. There are four more. The first computes the signatures of
every shard. The second matches signatures, with a task for each partition of the bands. The third decides which document of
each group of duplicates is kept. The fourth writes each shard without the duplicates; where few documents are left, it cuts the
long ones into parts.
"""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from data.content import joined
from data.dedup.config import DedupConfig
from data.dedup.contamination import read_benchmark
from data.dedup.dedup import dedup_shard, match_partition, resolve_duplicates, sign_shard
from data.dedup.parts import parts_of
from orchestration.shards import Shard
from pipeline.stages.counts import LanguageCounts
from pipeline.stages.stage import Context, Input, Made, Stage, add_up, document_shards, documents_below, numbered

PARTITIONS = 16  # of the band hashes; the number is fixed, so that the files do not depend on the number of workers


class DedupCounts(LanguageCounts):
    """What dedup counted: in + added = out + dropped."""

    documents_cut: int = 0
    """Long documents that were cut into parts."""
    documents_added: int = 0
    """By how many documents there are more for that."""
    documents_in_by_source: Mapping[str, int] = Field(default={})
    """Documents that came in, by source."""
    largest_near_duplicates: Mapping[str, int] = Field(default={})
    """Documents of a source in its largest group of near-duplicates, exact copies aside; a source without any is left out."""
    benchmark_items: Mapping[str, int] = Field(default={})
    """Items of evaluation files, by file."""
    benchmark_items_unprotected: Mapping[str, int] = Field(default={})
    """Those among them that no document is compared with, because they are too short or have nothing but numbers."""


def _run(context: Context, inputs: Mapping[str, Path], config: DedupConfig, out: Path) -> Made:
    documents = document_shards(inputs["documents"])
    context.map(sign_shard, numbered(documents, config=config), out, "signatures")
    signatures = sorted(out.glob("signatures/*/signatures.parquet"))
    partitions = [
        Shard(f"{n:05d}", {"signatures": signatures, "partition": n, "partitions": PARTITIONS, "config": config})
        for n in range(PARTITIONS)
    ]
    context.map(match_partition, partitions, out, "matches")
    edges = sorted(out.glob("matches/*/edges.parquet"))
    resolving = [Shard("all", {"signatures": signatures, "edges": edges, "config": config})]
    resolved = context.map(resolve_duplicates, resolving, out, "duplicates")[0]
    counts = {name: resolved[name] for name in ("documents_in_by_source", "largest_near_duplicates")}
    benchmark = None
    if config.contamination:
        reading = [Shard("all", {"files": _files(config, context.base), "config": config.contamination})]
        counts |= context.map(read_benchmark, reading, out, "benchmark")[0]
        benchmark = out / "benchmark" / "all"
    shards = numbered(
        documents,
        parts=parts_of(config, resolved["documents"] - resolved["duplicates"]),
        duplicates=out / "duplicates" / "all" / "duplicates.parquet",
        config=config,
        benchmark=benchmark,
    )
    results = context.map(dedup_shard, shards, out, "shards")
    return Made(DedupCounts(**add_up(results), **counts), joined(result["content"] for result in results))


def _files(config: DedupConfig, base: Path) -> dict[str, Path]:
    files = config.contamination.files if config.contamination else []
    return {file: base / file for file in files}


def _sources(config: DedupConfig, base: Path) -> dict[str, Path]:
    return {f"contamination:{file}": path for file, path in _files(config, base).items()}


STAGE = Stage(
    name="dedup",
    version=2,
    inputs=(Input("documents", label="clean"),),
    gives="documents",
    counts=DedupCounts,
    libraries=("numpy", "pyarrow", "scipy", "unicode", "xxhash"),
    run=_run,
    content=documents_below,
    sources=_sources,
)
