"""Collect: the sources become document shards, with their texts extracted and normalised."""

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path

from data.collect.collect import SourceFile, collect_shard, list_files, plan_shards
from data.collect.config import CollectConfig
from data.collect.withdrawn import withdrawn_path
from data.content import joined
from orchestration.shards import Shard
from pipeline.stages.counts import RecordCounts
from pipeline.stages.source_hashes import Remote, Source
from pipeline.stages.stage import Context, Made, MapWork, Stage, add_up, documents_below

NAMED_FILES = 100  # The manifest lists the files of a source up to this number; for more it has one hash.


def _run(context: Context, inputs: Mapping[str, Path], config: CollectConfig, out: Path) -> Made:
    results = context.map(collect_shard, _shards(context.base, inputs, config, out), out, "shards")
    return Made(RecordCounts(**add_up(results)), joined(result["content"] for result in results))


def _shards(base: Path, inputs: Mapping[str, Path], config: CollectConfig, out: Path) -> list[Shard]:
    return [Shard(shard.key, {"shard": shard, "config": config}) for shard in plan_shards(config, base)]


def sources_of(config: CollectConfig, base: Path) -> dict[str, Source]:
    """What the sources are read from, each file by its name or, of many, all together."""
    found: dict[str, Source] = {}
    for name, files in groupby(list_files(config.sources, base), key=lambda file: file.source):
        # A dataset of the hub has no file here. Its name and revision, which are fields of the recipe, identify it.
        sources = {file.path: _source(file) for file in files if file.absolute}
        if len(sources) <= NAMED_FILES:
            found |= {f"{name}:{path}": source for path, source in sources.items()}
        else:
            found[f"list of {name}"] = sources
    if config.withdrawn is not None:
        found[f"withdrawn {config.withdrawn}"] = withdrawn_path(config.withdrawn, base)
    return found


def _source(file: SourceFile) -> Source:
    return Remote(file.identity, file.bytes) if file.identity else file.absolute


STAGE = Stage(
    name="collect",
    version=8,
    inputs=(),
    gives="documents",
    counts=RecordCounts,
    libraries=("charset-normalizer", "datasets", "ftfy", "orjson", "pyarrow", "resiliparse", "unicode"),
    run=_run,
    content=documents_below,
    map_work=MapWork(collect_shard, _shards),
    sources=sources_of,
)
