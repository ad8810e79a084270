"""Finding out whether other versions of a stage's libraries make the same, by making its goldens and one shard again."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from orchestration.files import folder_bytes
from orchestration.lease import hold
from orchestration.shards import Shard
from orchestration.store import REMEDY, Artifact, file_fault
from pipeline.runs.artifacts import different_before, write_verdict
from pipeline.stages.stage import Context, Stage


def judge(
    context: Context,
    stage: Stage,
    config: BaseModel,
    inputs: Mapping[str, Path],
    artifact: Artifact,
    libraries: Mapping[str, str],
    store: Path,
) -> list[str]:
    """Compare what the installed `libraries` make with what is in `artifact`, on the cluster.

    Gives what differs: names of goldens, and `shard KEY`; the list is empty when nothing does. The verdict is written into the
    artifact's folder, and a lease sees to it that two runs do not compare at the same time. Raises ValueError when the shard to
    be made again is damaged, ShardFailed when a task fails, and Stopped when the run is asked to stop.
    """
    scratch = store / ".compare" / f"{stage.name}-{artifact.name}"
    scratch.parent.mkdir(exist_ok=True)
    with hold(scratch, lambda holder: None, context.should_stop):
        known = different_before(artifact, libraries)
        if known is not None:
            return known
        shutil.rmtree(scratch, ignore_errors=True)  # a comparison that was killed may have left it
        try:
            different = _differences(context, stage, config, inputs, artifact, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        write_verdict(artifact, libraries, different)
        return different


def _differences(
    context: Context, stage: Stage, config: BaseModel, inputs: Mapping[str, Path], artifact: Artifact, scratch: Path
) -> list[str]:
    assert stage.map_work, "only a stage that treats each shard by itself can make one of them again"
    goldens = context.map(make_goldens, [Shard("goldens", {"stage": stage.name})], scratch, "goldens")[0]
    different = list(goldens["different"])
    finished = artifact.path / "shards"
    shards = stage.map_work.shards(context.base, inputs, config, artifact.path)
    shards = sorted((s for s in shards if (finished / s.key).is_dir()), key=lambda s: folder_bytes(finished / s.key))
    if shards:
        shard = shards[len(shards) // 2]  # the shard of median size
        _refuse_damaged_shard(artifact, shard)
        arguments = {"function": stage.map_work.function, "arguments": dict(shard.arguments)}
        reads = shard.reading(context.checksums).reads
        context.map(make_again, [Shard(shard.key, arguments, reads)], scratch, "again")
        if stage.content(scratch / "again" / shard.key) != stage.content(finished / shard.key):
            different.append(f"shard {shard.key}")
    return different


def _refuse_damaged_shard(artifact: Artifact, shard: Shard) -> None:
    """Raise ValueError for a damaged shard, since damage must not pass for a difference of versions."""
    for entry in artifact.manifest["files"]:
        fault = (
            file_fault(artifact.path, entry, checksums=True)
            if entry["path"].startswith(f"shards/{shard.key}/")
            else None
        )
        if fault:
            raise ValueError(f"{artifact.path}: {fault}; {REMEDY}")


def make_goldens(out: Path, stage: str) -> dict[str, Any]:
    """Make a stage's goldens; gives as `different` the names of those that come out otherwise than is written down."""
    from pipeline.goldens.make import compare, make_golden  # imports the libraries of every stage

    folder = out / "made"
    folder.mkdir()
    different = compare(stage, make_golden(stage, folder))
    shutil.rmtree(folder)
    return {"different": different}


def make_again(out: Path, function: Callable[..., dict[str, Any]], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Call the function of a shard once more, in a task; its files go to `out`."""
    function(out, **arguments)
    return {}
