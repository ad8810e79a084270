"""Shards as values: what a task has to do, and which resources it takes. Nothing here imports Ray, which a plan does not need."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

RESULT = "shard.json"  # in a finished shard's folder: what its function returned, and the checksums of its files


@dataclass(frozen=True)
class Shard:
    """One piece of work: a key that sorts in the order of the output, and the arguments for the function."""

    key: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    reads: Mapping[str, str] = field(default_factory=dict)
    """The files that the function reads, each with its expected checksum, which the task compares before it begins."""

    def reading(self, checksums: Mapping[str, str]) -> "Shard":
        """The same shard, which also `reads` the paths in its arguments, at any depth, that are in `checksums`."""
        paths = [str(path) for value in self.arguments.values() for path in _paths(value)]
        return replace(self, reads={**self.reads, **{path: checksums[path] for path in paths if path in checksums}})


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, Mapping):
        yield from _paths(list(value.values()))
    elif is_dataclass(value) and not isinstance(value, type):
        yield from _paths([getattr(value, each.name) for each in fields(value)])
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _paths(item)


@dataclass(frozen=True)
class Resources:
    """The CPUs and GPUs that one task takes.

    At most `workers` tasks run at a time; None stands for as many as the cluster has room for.
    """

    cpus: int = 1
    gpus: float = 0
    workers: int | None = None
