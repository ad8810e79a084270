"""Deleting the artifacts that no run refers to."""

import shutil
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from orchestration.build_record import read_build
from orchestration.files import folder_bytes
from orchestration.lease import holder
from orchestration.store import Artifact, Store
from pipeline.runs.adopt import ADOPTED
from pipeline.runs.view import read_plan, runs_folder

DOOMED = ".deleted"


def prune_store(workdir: Path, yes: bool, console: Console) -> None:
    """Delete the artifacts, and the buildings of broken-off attempts, that no run refers to, after asking unless `yes`.

    A run refers to the artifacts that its plan names, to those that its links lead to, and to the one that it began with. A
    building that a process works on is left alone. To give up a run, its user deletes its folder below runs/ and then prunes.
    Raises ValueError when a run's plan is damaged, since its artifacts are then unknown, and when the store is of a newer
    release; typer.Exit with code 1 when the answer is no.
    """
    store = Store(workdir / "store")
    store.format()  # This raises ValueError for a store of a newer release.
    unused = _unused(workdir, store)
    if not unused:
        console.print("Nothing to free: every artifact belongs to a run.")
        return
    sizes = {path: folder_bytes(path) for path in unused}
    for path, size in sizes.items():
        console.print(f"{_key(path)}  {size / 1e6:,.1f} MB{_what_it_cost(path)}", highlight=False)
    if not yes and not typer.confirm(f"Delete these {len(unused)} folders ({sum(sizes.values()) / 1e6:,.1f} MB)?"):
        raise typer.Exit(1)
    still = set(_unused(workdir, store))  # A run may have begun to use one of them before the answer came.
    for path in [path for path in unused if path in still]:
        # The folder is renamed first, because a folder with an artifact's name has to be whole at every moment.
        doomed = path if path.name.endswith(DOOMED) else path.with_name(f".{path.name}{DOOMED}")
        path.rename(doomed)
        shutil.rmtree(doomed)
    console.print(f"Freed {sum(sizes.values()) / 1e6:,.1f} MB.")


def _unused(workdir: Path, store: Store) -> list[Path]:
    """The folders to delete. Those that an earlier prune had begun to delete come first, because their names may be reused."""
    wanted = _referred_to(runs_folder(workdir), store)
    unused = sorted(store.root.glob(f"*/.*{DOOMED}"))
    unused += [artifact.path for artifact in store.artifacts() if _key(artifact.path) not in wanted]
    unused += [path for path in store.abandoned() if _key(path) not in wanted]
    # These are folders that a killed comparison or a killed adoption left.
    unused += [path for path in sorted(store.root.glob(".compare/[!.]*")) if holder(path) is None]
    return unused + sorted(store.root.glob(f"*/.*{ADOPTED}"))


def _referred_to(runs: Path, store: Store) -> set[str]:
    """The artifacts, as `stage/name`, that the runs' plans name, that their links lead to, and that they began with."""
    root = store.root.resolve()
    found: set[str] = set()
    for view in sorted(runs.glob("*/")):
        for entry in read_plan(view)["stages"] if (view / "plan.json").exists() else ():
            names = (entry["artifact"], entry.get("before"), store.record(entry["stage"], entry["key"]).get("artifact"))
            found |= {f"{entry['stage']}/{name}" for name in names if name}
            if "origin" in entry:
                found |= _inside(Path(entry["origin"]), root)
        for path in view.iterdir():
            if path.is_symlink():
                found |= _inside(path.resolve(), root)
    return found


def _inside(path: Path, root: Path) -> set[str]:
    """The artifact, as `stage/name`, that a path is in; an empty set for a path outside the store."""
    return {"/".join(path.relative_to(root).parts[:2])} if path.is_relative_to(root) else set()


def _key(path: Path) -> str:
    return f"{path.parent.name}/{path.name.removesuffix('.building')}"


def _what_it_cost(path: Path) -> str:
    """What a trained network cost, as the end of its line: steps, tokens and hours. Other artifacts have no such text."""
    counts: dict[str, Any] = {}
    if (path / "manifest.json").is_file():
        try:
            counts = Artifact(path).manifest["counts"]
        except (ValueError, KeyError, TypeError):
            return "  (its manifest is damaged)"
    if "steps" not in counts:
        return ""
    build = read_build(path)
    hours = f", {build['seconds'] / 3600:.2f} hours" if build else ""
    return f"  a trained network: {counts['steps']:,} steps, {counts.get('tokens', 0):,} tokens{hours}"
