"""Shards as values: what is to be done, and what a task may take. No Ray in here: planning needs none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

RESULT = "shard.json"  # in the folder of a finished shard: what its function returned, and checksums of its files


@dataclass(frozen=True)
class Shard:
    """One piece of work: a name that sorts in the order of the output, and the arguments for the function."""

    key: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    reads: Mapping[str, str] = field(default_factory=dict)
    """Files that the function reads, to the checksums that they have to have: the task compares them before it begins."""

    def reading(self, checksums: Mapping[str, str]) -> "Shard":
        """The same shard with the checksums of those of its arguments that are files with a known one."""
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
    """What one task of a kind takes. `workers` bounds how many run at a time (None: as many as the cluster has room for)."""

    cpus: int = 1
    gpus: float = 0
    workers: int | None = None
