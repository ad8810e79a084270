"""Stages as values, and the context that a stage works in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from data.documents import document_files, documents_content
from orchestration.events import EventLog
from orchestration.files import read_json
from orchestration.identity import digest
from orchestration.progress import Display
from orchestration.shards import Resources, Shard
from orchestration.store import hashed_by_tasks
from orchestration.tracking import Trackers
from pipeline.stages.counts import Counts
from pipeline.stages.source_hashes import Source


@dataclass(frozen=True)
class Context:
    """The surroundings of a stage while it runs. Nothing here changes the content of its artifact."""

    stage: str
    base: Path  # the folder of the recipe, at which its relative paths start
    cluster: Mapping[str, float]  # CPU and GPU of the whole cluster, and node_CPU of its largest node
    workers: int | None
    events: EventLog
    display: Display
    trackers: Trackers
    should_stop: Callable[[], bool]
    checksums: dict[str, str] = field(default_factory=dict)
    """The checksums of files that tasks may read, by path: those of the inputs, and those that earlier steps have written."""

    def map(
        self,
        function: Callable[..., dict[str, Any]],
        shards: Sequence[Shard],
        building: Path,
        step: str,
        cpus: int = 1,
        gpu: bool = False,
    ) -> list[dict[str, Any]]:
        """Call `function(out, **arguments)` for every shard on the cluster; gives the results in the order of the shards.

        A task compares those of its arguments that are files of the inputs or of earlier steps with their checksums before it
        begins. Raises as `map_shards` does.
        """
        from orchestration.shard_map import map_shards  # imports ray, which a plan does not need

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
    """What a stage says of the artifact that it has made."""

    counts: Counts
    content: str  # a hash of what the artifact gives by its role, however that is cut into files


Role: TypeAlias = Literal["documents", "annotations", "vocabulary", "tokens", "network", "scores", "release"]
"""What an artifact is to the stages after it, whichever stage made it."""


@dataclass(frozen=True)
class Input:
    """An input of a stage, by its role: it is what the last stage before gave in that role.

    With `every`, each stage before that gives the role is an input, under the name that it has in the recipe.
    """

    role: Role
    label: str = ""
    """The word for this input in names of artifacts. It stays what it was when the stage was new, or every name would change."""
    optional: bool = False
    every: bool = False


@dataclass(frozen=True)
class MapWork:
    """The main step of a stage whose shards do not depend on one another, so that one of them can be made again."""

    function: Callable[..., dict[str, Any]]
    shards: Callable[[Path, Mapping[str, Path], Any, Path], list[Shard]]
    """`shards(base, inputs, config, out)` gives the shards of the step. `out` may be an artifact that is finished."""


@dataclass(frozen=True)
class Stage:
    """A stage as a value. `run(context, inputs, config, out)` builds the artifact in `out`.

    `inputs` has the folder of each input by its role (of inputs with `every`, by the name in the recipe).

    `version` goes up whenever the same input and config give other content. Other versions of the `libraries` may do that too,
    so they are recorded. An artifact that other versions made is reused only after a comparison, if the stage has `map_work`.
    `sources(config, base)` gives what the stage reads from outside the store, by label; it raises ValueError when that is not
    there.
    """

    name: str
    version: int
    inputs: tuple[Input, ...]
    gives: Role
    counts: type[Counts]
    libraries: tuple[str, ...]
    run: Callable[[Context, Mapping[str, Path], Any, Path], Made]
    content: Callable[[Path], str]  # computes `Made.content` from the files of an artifact
    sources: Callable[[Any, Path], Mapping[str, Source]] = lambda config, base: {}
    reads_at_start: bool = False  # Sources are read once, at the start; a later change of them does not matter.
    layout: Callable[[Any], dict[str, Any]] = lambda config: {}  # facts for the build record, such as the ranks
    map_work: MapWork | None = None
    trains: bool = False  # A network is not trained again only because the stage's version went up.
    fits: Callable[[Path, Any, Mapping[str, Path]], None] | None = None
    """`fits(artifact, config, inputs)` raises ValueError for an artifact that cannot be adopted for this config."""
    extras: Callable[[Any], tuple[str, ...]] = lambda config: ()
    """Libraries beside those above that the config asks for. Raises ValueError for one that is not installed."""
    verifies: bool = False  # All files of the inputs are compared with their checksums before the stage begins.
    verifies_chain: bool = False  # All artifacts of the chain that are in the store are compared before.


def document_shards(artifact: Path) -> list[Path]:
    """The document files of a stage's artifact, in order."""
    return document_files(artifact / "shards")


def documents_below(folder: Path) -> str:
    """The content of the documents in the folder of an artifact, or of one of its shards."""
    return documents_content(document_files(folder))


def numbered(paths: Sequence[Path], **arguments: Any) -> list[Shard]:
    """A shard for each document file, in order, with the number of the file as its key; all have `arguments`."""
    return [Shard(f"{number:05d}", {"documents": path, **arguments}) for number, path in enumerate(paths)]


def add_up(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The sums of the counts of shards: of numbers, and of mappings to numbers key by key. The field `content` is left out."""
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
    """The content of an artifact that evaluates a network: a hash of its scores."""
    return digest(read_json(artifact / "scores.json"))


def counts_of(stage: Stage, manifest: Mapping[str, Any]) -> Counts:
    """What the stage counted when it made the artifact with this manifest, of whichever format."""
    return stage.counts.model_validate(manifest["counts"])
