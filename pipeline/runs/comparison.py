"""Whether other versions of a stage's libraries make the same: its goldens and one of its shards are made again."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from orchestration.files import folder_bytes
from orchestration.shards import Shard
from orchestration.store import Artifact
from pipeline.stages.stage import Context, Stage


def differences(
    context: Context,
    stage: Stage,
    config: BaseModel,
    inputs: Mapping[str, Path],
    artifact: Artifact,
    store: Path,
) -> list[str]:
    """What comes out otherwise today than in `artifact`: names of goldens, or a shard; empty where nothing does.

    The shard is the one of median size.
    """
    assert stage.map_work, "only a stage that treats each shard by itself can make one of them again"
    scratch = store / ".compare" / f"{stage.name}-{artifact.name}"
    shutil.rmtree(scratch, ignore_errors=True)  # of a comparison that was killed
    try:
        goldens = context.map(make_goldens, [Shard("goldens", {"stage": stage.name})], scratch, "goldens")[0]
        found = list(goldens["different"])
        finished = artifact.path / "shards"
        shards = stage.map_work.shards(context.base, inputs, config, artifact.path)
        shards = sorted(
            (s for s in shards if (finished / s.key).is_dir()), key=lambda s: folder_bytes(finished / s.key)
        )
        if shards:
            shard = shards[len(shards) // 2]
            arguments = {"function": stage.map_work.function, "arguments": dict(shard.arguments)}
            context.map(make_again, [Shard(shard.key, arguments)], scratch, "again")
            if stage.content(scratch / "again" / shard.key) != stage.content(finished / shard.key):
                found.append(f"shard {shard.key}")
        return found
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def make_goldens(out: Path, stage: str) -> dict[str, Any]:
    """Make a stage's goldens; `different` are the names of those that come out otherwise than when they were written down."""
    from pipeline.goldens.make import compare, make_golden  # brings the libraries of every stage with it

    folder = out / "made"
    folder.mkdir()
    different = compare(stage, make_golden(stage, folder))
    shutil.rmtree(folder)
    return {"different": different}


def make_again(out: Path, function: Callable[..., dict[str, Any]], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Call the function of a shard once more."""
    function(out, **arguments)
    return {}
