"""Gristmill for programs and notebooks: `import gristmill` gives what stands here.

A mistake of the user is a ValueError that says what to do, as on the command line. Every function imports what it needs when it
is called, so that importing this module loads neither torch nor Ray.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from typing_extensions import TypedDict

from pipeline.failures import RunStopped, StageFailed
from pipeline.recipe.reading import check_code, check_recipe, load_recipe
from pipeline.recipe.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from tokenizers import Tokenizer

    from data.tokens.token_shards import TokenShardEntry
    from data.tokens.vocabulary import Vocabulary
    from model.network.network import Network

__all__ = [
    "Document",
    "Documents",
    "LoadedRecipe",
    "PlannedStage",
    "Run",
    "RunStopped",
    "StageFailed",
    "Tokens",
    "load",
    "open_run",
    "plan",
    "run",
    "runs",
]

Split: TypeAlias = Literal["train", "validation", "test"]


@dataclass(frozen=True)
class LoadedRecipe:
    """A recipe that has been checked, and the folder at which its relative paths start."""

    recipe: Recipe
    base: Path


@dataclass(frozen=True)
class PlannedStage:
    """A stage in the plan of a run."""

    name: str
    """The name that the run has for it."""
    action: Literal["reuse", "compare", "depends", "build"]
    """What a run would do; `depends` builds it only if an input comes out otherwise, `compare` if a sample of it does."""
    reason: str
    inputs: tuple[str, ...]
    """The names of the stages that it takes something from."""


class Document(TypedDict):
    """A document; `meta` is a JSON object as text, and of a document of others there may be no language."""

    id: str
    text: str
    source: str
    uri: str
    license: str
    language: str | None
    language_score: float | None
    meta: str


@dataclass(frozen=True)
class Documents:
    """The documents of a stage in order. Iterating gives one after the other, with a row group of a file in memory at a time."""

    files: tuple[Path, ...]
    """The Parquet files."""

    def __iter__(self) -> Iterator[Document]:
        for table in self.tables():
            yield from table.to_pylist()

    def __len__(self) -> int:
        import pyarrow.parquet as pq

        return sum(pq.read_metadata(path).num_rows for path in self.files)

    def tables(self, columns: Sequence[str] | None = None) -> "Iterator[pa.Table]":
        """The documents as Arrow tables of some thousand rows, or some of their columns."""
        from data.tables import row_groups

        for path in self.files:
            yield from row_groups(path, columns)


@dataclass(frozen=True)
class Tokens:
    """The token shards of a split. Iterating gives the ids of each document, (n,) of integers, its end token included."""

    shards: "tuple[TokenShardEntry, ...]"
    """The Megatron shards, each with source, split, prefix of its files, tokens and documents."""

    def __iter__(self) -> "Iterator[np.ndarray]":
        from data.tokens.token_shards import TokenShard

        for entry in self.shards:
            shard = TokenShard.open(entry.prefix)
            yield from (shard.document(number) for number in range(len(shard)))

    def __len__(self) -> int:
        """The number of documents."""
        return sum(entry.documents for entry in self.shards)

    @property
    def total(self) -> int:
        """The number of tokens."""
        return sum(entry.tokens for entry in self.shards)


@dataclass(frozen=True)
class Run:
    """A run, finished or not. What it does not have yet raises a ValueError that says so."""

    view: Path
    """The folder of the run, with a link for each stage to what it made."""

    @property
    def name(self) -> str:
        return self.view.name

    @property
    def recipe(self) -> Recipe:
        """The recipe with all defaults written out."""
        return load_recipe(self.view / "recipe.yaml")

    def status(self) -> dict[str, Any]:
        """The state of the run and of each of its stages; times are Unix seconds."""
        from pipeline.runs.status import run_status

        return run_status(self.view)

    def artifacts(self) -> dict[str, Path]:
        """The folder of what each finished stage made, in the order of the line, by the names that the run has for them."""
        from pipeline.runs.view import artifacts

        return {name: artifact.path for name, artifact in artifacts(self.view).items()}

    def counts(self) -> dict[str, dict[str, Any]]:
        """What each finished stage counted: documents in and out, dropped by reason, tokens, losses and so on."""
        from pipeline.runs.view import manifests

        return {name: manifest["counts"] for name, manifest in manifests(self.view).items()}

    def documents(self, stage: str | None = None) -> Documents:
        """The documents that a stage passed on; without `stage`, those of the last stage that has any."""
        from pipeline.stages.stage import document_shards

        found = self._giving("documents")
        if stage is not None and stage not in found:
            raise ValueError(f"run {self.name} has no documents of {stage}; it has those of {_listed(found)}")
        return Documents(tuple(document_shards(found[stage] if stage else self._last("documents"))))

    def tokens(self, split: Split = "train", source: str | None = None) -> Tokens:
        """The tokens of a split, of one `source` when it is given."""
        from data.tokens.token_shards import SPLITS, list_token_shards

        if split not in SPLITS:
            raise ValueError(f"split {split!r}: the splits are {', '.join(SPLITS)}")
        entries = [entry for entry in list_token_shards(self._last("tokens")) if entry.split == split]
        if source is not None and source not in {entry.source for entry in entries}:
            known = dict.fromkeys(entry.source for entry in entries)
            raise ValueError(f"run {self.name} has no {split} tokens of {source!r}; it has those of {_listed(known)}")
        return Tokens(tuple(entry for entry in entries if source in (None, entry.source)))

    def vocabulary(self) -> "Vocabulary":
        """The tokenizer with the ids that begin and end documents."""
        from data.tokens.vocabulary import load_vocabulary

        return load_vocabulary(self._last("vocabulary") / "tokenizer" / "tokenizer.json")

    def tokenizer(self) -> "Tokenizer":
        """The tokenizer, of the library `tokenizers`."""
        return self.vocabulary().tokenizer

    def network(self) -> "Network":
        """The trained network, a `torch.nn.Module` in evaluation mode, on a GPU where there is one."""
        from pipeline.releases.find import release_at
        from pipeline.releases.open import open_release

        self._last("network")
        return open_release(release_at(self.view))[0]

    def generate(
        self, prompt: str, max_new_tokens: int = 100, temperature: float = 0.8, top_k: int = 50, seed: int = 0
    ) -> str:
        """The text that the network writes after `prompt`; temperature 0 takes the likeliest token each time."""
        from pipeline.releases.find import release_at
        from pipeline.releases.generate_text import generate_text

        self._last("network")
        return generate_text(release_at(self.view), prompt, max_new_tokens, temperature, top_k, seed)

    def metrics(self) -> list[dict[str, Any]]:
        """The metrics of the training in the order of steps: losses in nats a token, learning rate, speed, validation."""
        from pipeline.pretrain import METRICS
        from pipeline.stages.training_log import metrics, read_log

        return metrics(read_log(self._last("network") / METRICS))

    def scores(self) -> dict[str, Any]:
        """The scores of each evaluation and fine-tuning, by the names that the run has for them."""
        from orchestration.files import read_json

        return {name: read_json(path / "scores.json") for name, path in self._giving("scores").items()}

    def _giving(self, role: str) -> dict[str, Path]:
        """The artifacts of the run that give what has this role, by name."""
        from pipeline.runs.view import artifacts
        from pipeline.stages.line import STAGES

        stages = {stage.name for stage in STAGES if stage.gives == role}
        return {name: found.path for name, found in artifacts(self.view).items() if found.stage in stages}

    def _last(self, role: str) -> Path:
        found = self._giving(role)
        if not found:
            have = _listed(self.artifacts())
            raise ValueError(f"run {self.name} has no {role}: no finished stage of it gives any; finished are {have}")
        return list(found.values())[-1]


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(names) or "none"


def load(
    recipe: str | PathLike[str] | Mapping[str, Any], *overrides: str, base: str | PathLike[str] = "."
) -> LoadedRecipe:
    """Read and check a recipe: a YAML file, or its content as a mapping, with `key.path=value` overrides applied to a file.

    Relative paths of a file start at its folder, those of a mapping at `base`. Raises ValueError with a line for each mistake.
    """
    if isinstance(recipe, Mapping):
        if overrides:
            raise ValueError("overrides are for a recipe in a file; change the mapping itself")
        return LoadedRecipe(check_recipe(recipe, "the recipe"), Path(base).resolve())
    path = Path(recipe)
    return LoadedRecipe(load_recipe(path, overrides), path.parent.resolve())


def plan(recipe: LoadedRecipe, workdir: str | PathLike[str] = "work", verify: bool = False) -> list[PlannedStage]:
    """What a run would do, stage by stage. Raises ValueError for what cannot work, such as a source that is not there."""
    from orchestration.store import Store
    from pipeline.releases.origin import with_origin
    from pipeline.runs.plan import make_plan
    from pipeline.runs.view import runs_folder

    _check_no_sweep(recipe)
    folder = Path(workdir).resolve()
    view = runs_folder(folder) / recipe.recipe.name
    steps = make_plan(with_origin(recipe.recipe, recipe.base, view), recipe.base, Store(folder / "store"), view, verify)
    return [PlannedStage(step.name, step.action, step.reason, tuple(dict.fromkeys(step.givers))) for step in steps]


def run(
    recipe: LoadedRecipe,
    workdir: str | PathLike[str] = "work",
    until: str | None = None,
    address: str | None = None,
    verify: bool = False,
    rebuild: Sequence[str] = (),
    allow_code: bool = False,
    quiet: bool = False,
) -> Run:
    """Run a recipe to its end or to the stage `until`, going on where an earlier attempt stopped; `quiet` shows no progress.

    `address` is a Ray cluster to join; without one a local Ray is started and stopped. `allow_code` lets the Python functions
    run that the recipe names. Raises ValueError for the user's mistakes, StageFailed when a stage fails, and RunStopped after
    Ctrl-C or SIGTERM, from where the same call goes on.
    """
    from rich.console import Console

    from pipeline.reporting.report import write_report
    from pipeline.runs.run import run_recipe

    _check_no_sweep(recipe)
    check_code(recipe.recipe, allow_code)
    console = Console(quiet=quiet)
    view = run_recipe(recipe.recipe, recipe.base, Path(workdir), console, address, until, verify, rebuild)
    write_report(view)
    return Run(view)


def _check_no_sweep(recipe: LoadedRecipe) -> None:
    if recipe.recipe.sweep:
        raise ValueError(f"sweep: `gristmill run` runs the trials of {recipe.recipe.name}; open_run opens each of them")


def runs(workdir: str | PathLike[str] = "work") -> list[str]:
    """The names of the runs in a workdir."""
    from pipeline.runs.view import runs_folder

    return sorted(path.parent.name for path in runs_folder(Path(workdir)).glob("*/plan.json"))


def open_run(name: str, workdir: str | PathLike[str] = "work") -> Run:
    """A run by its name. Raises ValueError, which names those that there are, when there is none of this name."""
    from pipeline.runs.view import runs_folder

    if name not in runs(workdir):
        raise ValueError(f"{workdir} has no run called {name!r}; it has {', '.join(runs(workdir)) or 'none yet'}")
    return Run(runs_folder(Path(workdir).resolve()) / name)
