"""The command `verify`: it compares artifacts with their checksums and, when asked to, builds damaged ones again."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from orchestration.build_record import read_build
from orchestration.progress import duration
from orchestration.store import DAMAGED, Artifact, Store, file_fault
from pipeline.failures import StageFailed
from pipeline.recipe.reading import load_recipe
from pipeline.runs.run import run_recipe
from pipeline.runs.view import ORDER, name_in, read_plan, runs_folder

THREADS = 8  # that read files at the same time


@dataclass(frozen=True)
class Damage:
    """A damaged artifact, and what is wrong with it, a line for each file."""

    artifact: Artifact
    faults: Sequence[str]


def verify_store(what: str, workdir: Path, repair: bool, console: Console) -> list[Damage]:
    """Hash the artifacts of a run, of a stage or of `all`; prints each damaged file, and how long its artifact took to build.

    Gives the damaged artifacts. With `repair`, these are set aside, and the runs that refer to them are run again up to the
    damaged stages; then only those artifacts are given that could not be built again. Raises ValueError when no run or stage
    has the name `what`, when the plan of that run is damaged, and when the store was made by a newer Gristmill; RunStopped when
    a signal stops a repair.
    """
    store = Store(workdir.resolve() / "store")
    store.format()
    chosen = list(_chosen(what, workdir, store))
    damaged, bytes_read = [], 0
    for artifact in chosen:
        faults = _faults(artifact)
        if faults:
            damaged.append(Damage(artifact, faults))
            for fault in faults:
                console.print(f"{artifact.stage}/{artifact.name}: {fault}", highlight=False, soft_wrap=True)
            console.print(f"  {_cost(artifact)}", highlight=False)
        else:
            bytes_read += sum(entry["bytes"] for entry in artifact.manifest["files"])
    console.print(
        f"{len(chosen) - len(damaged)} of {len(chosen)} artifacts are as they were made ({bytes_read / 1e6:,.1f} MB).",
        highlight=False,
    )
    return _repair(damaged, workdir, console) if repair and damaged else damaged


def _chosen(what: str, workdir: Path, store: Store) -> Iterator[Artifact]:
    view = runs_folder(workdir) / what
    if what == "all":
        yield from _all(store)
    elif what in ORDER:
        yield from (artifact for artifact in _all(store) if artifact.stage == what)
    elif Path(what).name == what and (view / "plan.json").is_file():
        for entry in read_plan(view)["stages"]:
            path = store.folder(entry["stage"], str(entry["artifact"]))
            if path.is_dir():
                yield Artifact(path)
    else:
        runs = sorted(path.parent.name for path in runs_folder(workdir).glob("*/plan.json"))
        raise ValueError(
            f"{what}: neither `all`, nor a stage ({', '.join(ORDER)}), nor a run ({', '.join(runs) or 'none yet'})"
        )


def _all(store: Store) -> Iterator[Artifact]:
    """Yield the finished artifacts, also those that have lost their manifest."""
    for path in sorted(store.root.glob("*/*")):
        hidden = path.name.startswith(".") or path.parent.name.startswith(".")
        if path.is_dir() and not hidden and not path.name.endswith(".building") and DAMAGED not in path.name:
            yield Artifact(path)


def _faults(artifact: Artifact) -> list[str]:
    try:
        entries = artifact.manifest["files"]
        with ThreadPoolExecutor(THREADS) as threads:
            found = threads.map(lambda entry: file_fault(artifact.path, entry, checksums=True), entries)
            return [fault for fault in found if fault]
    except OSError as error:
        return [f"manifest.json cannot be read ({error.strerror})"]
    except (ValueError, KeyError, TypeError):
        return ["manifest.json is not as it was written"]


def _cost(artifact: Artifact) -> str:
    build = read_build(artifact.path)
    took = f"took {duration(build['seconds'])} to build" if build else "was built in an unknown time"
    return f"{artifact.stage} {took}; `gristmill verify all --repair` sets it aside and builds it again"


def _repair(damaged: Sequence[Damage], workdir: Path, console: Console) -> list[Damage]:
    """Set damaged artifacts aside and run the runs that refer to them again; gives those that are still needed and not built."""
    for damage in damaged:
        path = damage.artifact.path
        aside = next(name for n in range(1000) if not (name := path.with_name(f"{path.name}{DAMAGED}-{n}")).exists())
        path.rename(aside)
        console.print(f"{damage.artifact.stage}/{path.name} was set aside as {aside.name}", highlight=False)
    open_damage = {(damage.artifact.stage, damage.artifact.name): damage for damage in damaged}
    for path in sorted(runs_folder(workdir).glob("*/plan.json")):
        try:
            mended = _run_again(path.parent, list(open_damage), workdir, console)
        except (ValueError, StageFailed) as error:
            console.print(f"run {path.parent.name}: {error}", highlight=False, soft_wrap=True)
            continue
        for key in mended:
            open_damage.pop(key, None)
    referred_to = {key for path in runs_folder(workdir).glob("*/plan.json") for key in _keys(path.parent)}
    return [damage for key, damage in open_damage.items() if key in referred_to]


def _keys(view: Path) -> list[tuple[str, str]]:
    """The stage and the name of each artifact that a run's plan names; an empty list where the plan is damaged."""
    try:
        return [(entry["stage"], name) for entry in read_plan(view)["stages"] if (name := entry["artifact"])]
    except ValueError:
        return []


def _run_again(
    view: Path, damaged: Sequence[tuple[str, str]], workdir: Path, console: Console
) -> list[tuple[str, str]]:
    """Build again those artifacts of `damaged`, by stage and name, that a run's plan names; gives their stages and names.

    Raises ValueError when the run cannot be run again, StageFailed when one of its stages fails.
    """
    plan = read_plan(view)
    hit = [entry for entry in plan["stages"] if (entry["stage"], entry["artifact"]) in damaged]
    if not hit:
        return []
    if plan["base"] is None or not Path(plan["base"]).is_dir():
        raise ValueError("its recipe's folder is not on record, or gone; run its recipe again")
    recipe = load_recipe(view / "recipe.yaml")
    if recipe.functions:
        raise ValueError("its recipe names Python functions; run it again yourself, with --allow-code")
    store = Store(workdir.resolve() / "store")
    for entry in hit:
        run_recipe(recipe, Path(plan["base"]), workdir, console, until=name_in(entry))
        made = next(new["artifact"] for new in read_plan(view)["stages"] if name_in(new) == name_in(entry))
        if (
            made != entry["artifact"]
        ):  # The damaged one was of format 1 or another version; its name leads to the new one.
            store.write_record(entry["stage"], str(entry["artifact"]), {"artifact": made})
    return [(entry["stage"], str(entry["artifact"])) for entry in hit]
