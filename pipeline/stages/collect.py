"""Collect: the sources become document shards, extracted and normalised."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.collect import CollectConfig, collect_shard, list_files, plan_shards
from orchestration.shards import Shard
from pipeline.stage import Context, Stage, add_up


def _run(context: Context, inputs: Mapping[str, Path], config: CollectConfig, out: Path) -> dict[str, Any]:
    shards = [Shard(shard.key, {"shard": shard, "config": config}) for shard in plan_shards(config, context.base)]
    return add_up(context.map(collect_shard, shards, out, "shards"))


def _sources(config: CollectConfig, base: Path) -> dict[str, Path]:
    # A dataset of the hub has no local file: its name and revision, which are fields of the recipe, identify it.
    return {f"{file.source}:{file.path}": Path(file.absolute) for file in list_files(config, base) if file.absolute}


STAGE = Stage(
    name="collect",
    version=1,
    inputs=(),
    libraries=("datasets", "ftfy", "pyarrow", "resiliparse", "unicode"),
    run=_run,
    sources=_sources,
)
