"""Shards as values: what is to be done, and what a task may take. No Ray in here: planning needs none."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Shard:
    """One piece of work: a name that sorts in the order of the output, and the arguments for the function."""

    key: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Resources:
    """What one task of a kind takes. `workers` bounds how many run at a time (None: as many as the cluster has room for)."""

    cpus: int = 1
    gpus: float = 0
    workers: int | None = None
