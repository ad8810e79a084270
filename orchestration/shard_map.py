"""Running a function over fixed shards as Ray tasks; each shard's output is a folder that is whole or absent."""

import shutil
import traceback
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ray

from orchestration.disk import disk_full, find_full_disk
from orchestration.files import (
    checksum,
    commit_folder,
    describe_files,
    folder_bytes,
    read_sealed,
    remove_leftovers,
    write_sealed,
)
from orchestration.lease import Stopped, occupy
from orchestration.shards import RESULT, Resources, Shard
from orchestration.store import REMEDY, file_fault

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

    Each call writes into a temporary folder of its own, which becomes `building/step/<key>` once the call has returned. When
    that folder is there already, its files are compared with their checksums, and the shard runs again only if they differ.
    Every task occupies `building`, the folder under construction (`lease.occupy`).

    `on_event(name, **facts)` is told of every start, end and retry, `on_done(done, total)` of the number of shards done. A task
    that fails, or whose worker dies, is tried again, up to ATTEMPTS times in all. A task that raises ValueError is not: its
    input is wrong or damaged, and would be so again. Nor is one that has filled the disk.

    Raises ShardFailed when a shard fails for good, DiskFull when the disk is full, ValueError when the cluster has no room for
    a task, and Stopped when `should_stop` says so. The tasks that run are cancelled then.
    """
    assert len({shard.key for shard in shards}) == len(shards), "two shards of one name"
    folder = building / step
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    results: dict[str, dict[str, Any]] = {}
    # Shards that an earlier attempt finished come first: comparing them is quick, so that progress shows them at once.
    queue = sorted(((shard, 1) for shard in shards), key=lambda entry: not (folder / entry[0].key).is_dir())
    total, limit = len(shards), _slots(resources)
    task = _task(resources)
    flying: dict[Any, tuple[Shard, int]] = {}
    on_done(0, total)
    try:
        while queue or flying:
            if should_stop():
                raise Stopped
            while queue and len(flying) < limit:
                shard, attempt = queue.pop(0)
                if not (folder / shard.key).is_dir():
                    on_event("shard_started", shard=shard.key, attempt=attempt)
                flying[task.remote(function, shard, building, folder)] = (shard, attempt)
            finished, _ = ray.wait(list(flying), num_returns=1, timeout=0.2)
            for reference in finished:
                shard, attempt = flying.pop(reference)
                try:
                    results[shard.key], found = ray.get(reference)
                except ray.exceptions.RayError as error:
                    if find_full_disk(error):
                        raise disk_full(building, _bytes_missing(folder, list(results), total)) from error
                    queue.insert(0, (shard, _next_attempt(shard, attempt, error, on_event)))
                    continue
                on_event("shard_done", shard=shard.key, **({"found": True} if found else {}))
                on_done(len(results), total)
    finally:
        for reference in flying:
            ray.cancel(reference, force=True)
    remove_leftovers(folder)  # attempts whose worker died may have left some
    return {shard.key: results[shard.key] for shard in shards}


def _task(resources: Resources) -> Any:
    # A task has one thread for each CPU that it asked for; these libraries would otherwise each start one for every core.
    threads = str(resources.cpus)
    variables = {"OMP_NUM_THREADS": threads, "RAYON_NUM_THREADS": threads, "TOKENIZERS_PARALLELISM": "true"}
    return ray.remote(_run_shard).options(
        num_cpus=resources.cpus,
        num_gpus=resources.gpus,
        max_retries=0,  # map_shards tries again by itself, so that each retry is an event
        runtime_env={"env_vars": variables},
    )


def _slots(resources: Resources) -> int:
    """How many tasks to submit at a time: no more than can run at once. Raises ValueError when there is no room for one."""
    room = int(ray.cluster_resources().get("CPU", 1) // resources.cpus)
    if resources.gpus:
        room = min(room, int(ray.cluster_resources().get("GPU", 0) // resources.gpus))
    if room < 1:
        raise ValueError(
            f"a task needs {resources.cpus} CPUs and {resources.gpus} GPUs, and the cluster has "
            f"{ray.cluster_resources().get('CPU', 0):g} and {ray.cluster_resources().get('GPU', 0):g}"
        )
    return min(room, resources.workers or room)


def _run_shard(
    function: Callable[..., dict[str, Any]], shard: Shard, building: Path, folder: Path
) -> tuple[dict[str, Any], bool]:
    """Compute a shard in a task; gives its result, and whether an earlier attempt had finished it."""
    with occupy(building):
        final = folder / shard.key
        if final.is_dir():
            result = finished_result(final)
            if result is not None:
                return result, True
            shutil.rmtree(final)
        refuse_damage(shard.reads)
        temporary = folder / f".{shard.key}.{uuid.uuid4().hex}"
        temporary.mkdir(parents=True)
        try:
            result = function(temporary, **shard.arguments)
            write_sealed(temporary / RESULT, {"result": result, "files": describe_files(temporary)})
            commit_folder(temporary, final)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)  # It may be what has filled the disk.
            raise
        return result, False


def _bytes_missing(folder: Path, done: Sequence[str], total: int) -> int | None:
    """How much the shards that are not done will take, if they are as large as those that are; None where none is."""
    if not done:
        return None
    return sum(folder_bytes(folder / key) for key in done) * (total - len(done)) // len(done)


def finished_result(folder: Path) -> dict[str, Any] | None:
    """The value that the function of a finished shard returned; None where its folder is not as it was written."""
    try:
        record = read_sealed(folder / RESULT)
        faults = [file_fault(folder, entry, checksums=True) for entry in record["files"]]
        result = dict(record["result"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return None if any(faults) else result


def refuse_damage(checksums: Mapping[str, str]) -> None:
    """Raise ValueError that names the first of these files whose checksum is not the expected one.

    Raises OSError for a file that is not there.
    """
    for path, expected in checksums.items():
        if checksum(Path(path)) != expected:
            raise ValueError(f"{path} has another checksum than when it was made; {REMEDY}")


def _next_attempt(shard: Shard, attempt: int, error: Exception, on_event: Callable[..., None]) -> int:
    cause = getattr(error, "cause", None) or error
    line = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    if attempt >= ATTEMPTS or isinstance(cause, ValueError):
        tries = f" after {attempt} attempts" if attempt > 1 else ""
        details = "".join(traceback.format_exception(error))
        raise ShardFailed(f"shard {shard.key} failed{tries}: {type(cause).__name__}: {line}", details) from error
    on_event("shard_retry", shard=shard.key, attempt=attempt, error=f"{type(cause).__name__}: {line}"[:500])
    return attempt + 1
