"""What a stage is, and what it is given to work with."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from data.documents import document_files, documents_content
from orchestration.events import EventLog
from orchestration.files import read_json
from orchestration.identity import digest
from orchestration.progress import Display
from orchestration.shards import Resources, Shard
from orchestration.store import hashed_by_tasks
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
    checksums: dict[str, str] = field(default_factory=dict)
    """Of the files that tasks may read, by path: those of the inputs, and what earlier steps of the stage have written."""

    def map(
        self,
        function: Callable[..., dict[str, Any]],
        shards: Sequence[Shard],
        building: Path,
        step: str,
        cpus: int = 1,
        gpu: bool = False,
    ) -> list[dict[str, Any]]:
        """Run `function(out, **arguments)` for every shard on the cluster; results in the order of the shards.

        Files of the inputs and of earlier steps that stand among the arguments are compared with their checksums by the task
        that reads them.
        """
        from orchestration.shard_map import map_shards  # imports ray, which a plan has no use for

        name = f"{self.stage} {step}" if step not in ("", "shards") else self.stage
        gpus = 1.0 if gpu and self.cluster.get("GPU") else 0.0
        try:
            results = map_shards(
                function,
                [shard.reading(self.checksums) for shard in shards],
                building,
                step,
                Resources(cpus=cpus, gpus=gpus, workers=self.workers),
                on_event=lambda event, **facts: self.events.write(event, stage=self.stage, step=step, **facts),
                on_done=lambda done, total: self.display.update(name, done, total, "shards"),
                should_stop=self.should_stop,
            )
        finally:
            self.display.finish(name)
        written = hashed_by_tasks(building, step) if step else {}
        self.checksums.update({str(building / path): entry["checksum"] for path, entry in written.items()})
        return [results[shard.key] for shard in shards]


@dataclass(frozen=True)
class Made:
    """What a stage says of what it has made."""

    counts: dict[str, Any]
    content: str  # hash of what the artifact gives by its role, however it is cut into files


@dataclass(frozen=True)
class MapWork:
    """The main step of a stage that treats each shard by itself."""

    function: Callable[..., dict[str, Any]]
    shards: Callable[[Path, Mapping[str, Path], Any, Path], list[Shard]]
    """`shards(base, inputs, config, out)`: what the function is called with. `out` may be an artifact that is finished."""


@dataclass(frozen=True)
class Stage:
    """A stage as a value. `run(context, inputs, config, out)` builds the artifact in `out`.

    `version` goes up whenever the same input and config give other content. `libraries` are those whose versions can do that
    too: they are recorded, and a stage with `map_work` is compared with what other versions made before that is trusted.
    `sources(config, base)` names what it reads outside the store: label to file, folder, URL or many of them.
    """

    name: str
    version: int
    inputs: tuple[str, ...]
    libraries: tuple[str, ...]
    run: Callable[[Context, Mapping[str, Path], Any, Path], Made]
    content: Callable[[Path], str]  # what `Made.content` would be, from the files of an artifact
    sources: Callable[[Any, Path], Mapping[str, Source]] = lambda config, base: {}
    reads_at_start: bool = False  # Sources are read once, at the start; a later change of them does not matter.
    layout: Callable[[Any], dict[str, Any]] = lambda config: {}  # facts for the build record, such as the ranks
    map_work: MapWork | None = None
    trains: bool = False  # A network is not trained again because the stage's version went up: the user asks for that.
    fits: Callable[[Path, Any, Mapping[str, Path]], None] | None = None
    """`fits(artifact, config, inputs)` raises ValueError for an artifact that cannot stand for what the stage would make."""
    verifies: tuple[str, ...] = ()  # inputs whose files are all compared with their checksums before the stage begins
    verifies_chain: bool = False  # All inputs are compared, and what they were made of, as far as it is in the store.


def document_shards(artifact: Path) -> list[Path]:
    """The document files of a stage's artifact, in order."""
    return document_files(artifact / "shards")


def documents_below(folder: Path) -> str:
    """The content of the documents of an artifact, or of one of its shards."""
    return documents_content(document_files(folder))


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


def scores_content(artifact: Path) -> str:
    """The content of what evaluates a network: its scores."""
    return digest(read_json(artifact / "scores.json"))


def plain(config: BaseModel) -> dict[str, Any]:
    """A config as JSON values, to be sent to a worker."""
    return config.model_dump(mode="json")
