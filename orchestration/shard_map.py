"""Runs a function over fixed shards as Ray tasks; each shard's output is a folder that is whole or absent."""

import traceback
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import ray

from orchestration.files import commit_folder, read_json, remove_leftovers, write_json
from orchestration.lease import Stopped, occupy
from orchestration.shards import Resources, Shard

RESULT = "shard.json"
ATTEMPTS = 3  # a shard that fails this often fails the stage


class ShardFailed(RuntimeError):
    """A shard could not be computed; the message names it and the cause, `details` has the worker's traceback."""

    def __init__(self, message: str, details: str) -> None:
        super().__init__(message)
        self.details = details


def map_shards(
    function: Callable[..., dict[str, Any]],
    shards: Sequence[Shard],
    building: Path,
    step: str,
    resources: Resources,
    on_event: Callable[..., None],
    on_done: Callable[[int, int], None],
    should_stop: Callable[[], bool],
) -> dict[str, dict[str, Any]]:
    """Call `function(out, **shard.arguments)` for every shard; gives the results by key, in the order of `shards`.

    Each call writes into a temporary folder of its own, which becomes `building/step/<key>` once the call has returned;
    shards whose folder is there already are not run again. Every task occupies `building`, the folder under construction
    (`lease.occupy`). `on_event(name, **facts)` hears of every start, end and retry, `on_done(done, total)` of progress. A task
    that fails or whose worker dies is tried again, a ValueError (wrong input, no bad luck) is not.
    Raises ShardFailed, or Stopped when asked to stop: what is in flight is cancelled then.
    """
    assert len({shard.key for shard in shards}) == len(shards), "two shards of one name"
    folder = building / step
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    results = {shard.key: _result(folder / shard.key) for shard in shards}
    queue = [(shard, 1) for shard in shards if results[shard.key] is None]
    total, limit = len(shards), _slots(resources)
    task = _task(resources)
    flying: dict[Any, tuple[Shard, int]] = {}
    on_done(total - len(queue), total)
    try:
        while queue or flying:
            if should_stop():
                raise Stopped
            while queue and len(flying) < limit:
                shard, attempt = queue.pop(0)
                on_event("shard_started", shard=shard.key, attempt=attempt)
                flying[task.remote(function, shard, building, folder)] = (shard, attempt)
            finished, _ = ray.wait(list(flying), num_returns=1, timeout=0.2)
            for reference in finished:
                shard, attempt = flying.pop(reference)
                try:
                    results[shard.key] = ray.get(reference)
                except ray.exceptions.RayError as error:
                    queue.insert(0, (shard, _next_attempt(shard, attempt, error, on_event)))
                    continue
                on_event("shard_done", shard=shard.key)
                on_done(sum(result is not None for result in results.values()), total)
    finally:
        for reference in flying:
            ray.cancel(reference, force=True)
    remove_leftovers(folder)  # of attempts that were lost
    return {key: result for key, result in results.items() if result is not None}


def _task(resources: Resources) -> Any:
    # One thread a CPU that was asked for: the libraries below would otherwise each take all cores.
    threads = str(resources.cpus)
    variables = {"OMP_NUM_THREADS": threads, "RAYON_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "true"}
    return ray.remote(_run_shard).options(
        num_cpus=resources.cpus,
        num_gpus=resources.gpus,
        max_retries=0,  # retries are ours, so that each is an event
        runtime_env={"env_vars": variables},
    )


def _slots(resources: Resources) -> int:
    """How many tasks to keep in flight: no more than can run, so that a crash loses no more than was running."""
    room = int(ray.cluster_resources().get("CPU", 1) // resources.cpus)
    if resources.gpus:
        room = min(room, int(ray.cluster_resources().get("GPU", 0) // resources.gpus))
    if room < 1:
        raise ValueError(
            f"a task needs {resources.cpus} CPUs and {resources.gpus} GPUs, and the cluster has "
            f"{ray.cluster_resources().get('CPU', 0):g} and {ray.cluster_resources().get('GPU', 0):g}"
        )
    return min(room, resources.workers or room)


def _run_shard(function: Callable[..., dict[str, Any]], shard: Shard, building: Path, folder: Path) -> dict[str, Any]:
    with occupy(building):
        temporary = folder / f".{shard.key}.{uuid.uuid4().hex}"
        temporary.mkdir(parents=True)
        result = function(temporary, **shard.arguments)
        write_json(temporary / RESULT, result)
        commit_folder(temporary, folder / shard.key)
        return result


def _result(folder: Path) -> dict[str, Any] | None:
    return read_json(folder / RESULT) if folder.is_dir() else None


def _next_attempt(shard: Shard, attempt: int, error: Exception, on_event: Callable[..., None]) -> int:
    cause = getattr(error, "cause", None) or error
    line = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    if attempt >= ATTEMPTS or isinstance(cause, ValueError):
        tries = f" after {attempt} attempts" if attempt > 1 else ""
        details = "".join(traceback.format_exception(error))
        raise ShardFailed(f"shard {shard.key} failed{tries}: {type(cause).__name__}: {line}", details) from error
    on_event("shard_retry", shard=shard.key, attempt=attempt, error=f"{type(cause).__name__}: {line}"[:500])
    return attempt + 1
