"""Documents: documents that others made, with ids and texts, are taken over in place of sources."""

from collections.abc import Mapping
from pathlib import Path

from data.collect.given import check_ids, partitions, plan_given, take_documents
from data.collect.given_config import DocumentsConfig
from data.content import joined
from orchestration.shards import Shard
from pipeline.stages.collect import sources_of
from pipeline.stages.counts import RecordCounts
from pipeline.stages.stage import Context, Made, MapWork, Stage, add_up, document_shards, documents_below


def _run(context: Context, inputs: Mapping[str, Path], config: DocumentsConfig, out: Path) -> Made:
    results = context.map(take_documents, _shards(context.base, inputs, config, out), out, "shards")
    counts = RecordCounts(**add_up(results))
    number = partitions(counts.documents_out)
    files = document_shards(out)
    parts = [Shard(f"{n:05d}", {"documents": files, "partition": n, "partitions": number}) for n in range(number)]
    context.map(check_ids, parts, out, "ids")
    return Made(counts, joined(result["content"] for result in results))


def _shards(base: Path, inputs: Mapping[str, Path], config: DocumentsConfig, out: Path) -> list[Shard]:
    return [Shard(shard.key, {"shard": shard, "config": config}) for shard in plan_given(config, base)]


STAGE = Stage(
    name="documents",
    version=2,
    inputs=(),
    gives="documents",
    counts=RecordCounts,
    libraries=("charset-normalizer", "orjson", "pyarrow"),
    run=_run,
    content=documents_below,
    map_work=MapWork(take_documents, _shards),
    sources=lambda config, base: sources_of(config.collect, base),
)
