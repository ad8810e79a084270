"""What a stage is, and what it is given to work with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from orchestration.events import EventLog
from orchestration.progress import Display
from orchestration.shards import Resources, Shard
from orchestration.tracking import Trackers
from pipeline.stages.source_hashes import Source


@dataclass(frozen=True)
class Context:
    """What surrounds a stage while it runs. Nothing here changes what comes out."""

    stage: str
    base: Path  # the folder of the recipe: its relative paths start there
    cluster: Mapping[str, float]  # CPU, GPU: of the whole cluster; node_CPU: of its largest node
    workers: int | None
    events: EventLog
    display: Display
    trackers: Trackers
    should_stop: Callable[[], bool]

    def map(
        self,
        function: Callable[..., dict[str, Any]],
        shards: Sequence[Shard],
        building: Path,
        step: str,
        cpus: int = 1,
        gpu: bool = False,
    ) -> list[dict[str, Any]]:
        """Run `function(out, **arguments)` for every shard on the cluster; results in the order of the shards."""
        from orchestration.shard_map import map_shards

        name = f"{self.stage} {step}" if step not in ("", "shards") else self.stage
        gpus = 1.0 if gpu and self.cluster.get("GPU") else 0.0
        try:
            results = map_shards(
                function,
                shards,
                building,
                step,
                Resources(cpus=cpus, gpus=gpus, workers=self.workers),
                on_event=lambda event, **facts: self.events.write(event, stage=self.stage, step=step, **facts),
                on_done=lambda done, total: self.display.update(name, done, total, "shards"),
                should_stop=self.should_stop,
            )
        finally:
            self.display.finish(name)
        return [results[shard.key] for shard in shards]


@dataclass(frozen=True)
class Stage:
    """A stage as a value. `run(context, inputs, config, out)` builds the artifact in `out` and returns its counts.

    `version` goes up whenever the same input and config give other bytes; `libraries` are those whose versions can do that too.
    `sources(config, base)` names what it reads outside the store: label to file, folder, URL or many of them.
    """

    name: str
    version: int
    inputs: tuple[str, ...]
    libraries: tuple[str, ...]
    run: Callable[[Context, Mapping[str, Path], Any, Path], dict[str, Any]]
    sources: Callable[[Any, Path], Mapping[str, Source]] = lambda config, base: {}
    reads_at_start: bool = False  # those, once: what becomes of them later is nothing to what was made of them
    layout: Callable[[Any], dict[str, Any]] = lambda config: {}  # facts for the build record, such as the ranks


def document_shards(artifact: Path) -> list[Path]:
    """The document files of a stage's artifact, in order."""
    return sorted(artifact.glob("shards/*/documents-*.parquet"))


def numbered(paths: Sequence[Path], **arguments: Any) -> list[Shard]:
    """One shard for each document file, in order."""
    return [Shard(f"{number:05d}", {"documents": path, **arguments}) for number, path in enumerate(paths)]


def add_up(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sum the counts of shards: numbers, and flat mappings to numbers, key by key. What is called `content` is no count."""
    total: dict[str, Any] = {}
    for result in results:
        for name, value in result.items():
            if name == "content":
                continue
            if isinstance(value, Mapping):
                sums = total.setdefault(name, {})
                for key, number in value.items():
                    sums[key] = sums.get(key, 0) + number
            else:
                total[name] = total.get(name, 0) + value
    return {name: dict(sorted(value.items())) if isinstance(value, dict) else value for name, value in total.items()}


def plain(config: BaseModel) -> dict[str, Any]:
    """A config as JSON values, to be sent to a worker."""
    return config.model_dump(mode="json")
