"""Freeing what no run refers to."""

import shutil
from pathlib import Path

import typer
from rich.console import Console

from orchestration.files import folder_bytes, read_json
from orchestration.store import Store
from pipeline.runs.view import runs_folder

DOOMED = ".deleted"


def prune_store(workdir: Path, yes: bool, console: Console) -> None:
    """Delete artifacts, and folders of broken-off attempts, that are in no run's plan; what is being built is left alone.

    The way to give up a run is to delete its folder below runs/, and then to prune.
    """
    store = Store(workdir / "store")
    if store.root.exists():
        store.open()
    wanted = _referred_to(runs_folder(workdir), store.root.resolve())
    unused = sorted(store.root.glob(f"*/.*{DOOMED}"))  # an earlier prune was stopped; first, since names come again
    unused += [artifact.path for artifact in store.artifacts() if _key(artifact.path) not in wanted]
    unused += [path for path in store.abandoned() if _key(path) not in wanted]
    if not unused:
        console.print("Nothing to free: every artifact belongs to a run.")
        return
    sizes = {path: folder_bytes(path) for path in unused}
    for path, size in sizes.items():
        console.print(f"{_key(path)}  {size / 1e6:,.1f} MB", highlight=False)
    if not yes and not typer.confirm(f"Delete these {len(unused)} folders ({sum(sizes.values()) / 1e6:,.1f} MB)?"):
        raise typer.Exit(1)
    for path in unused:
        # Renamed first: a folder with an artifact's name is whole, also while it is being deleted.
        doomed = path if path.name.endswith(DOOMED) else path.with_name(f".{path.name}{DOOMED}")
        path.rename(doomed)
        shutil.rmtree(doomed)
    console.print(f"Freed {sum(sizes.values()) / 1e6:,.1f} MB.")


def _referred_to(runs: Path, store: Path) -> set[str]:
    """What the runs are made of, and the trainings that they began with."""
    entries = [entry for path in sorted(runs.glob("*/plan.json")) for entry in read_json(path)]
    origins = [Path(entry["origin"]) for entry in entries if "origin" in entry]
    inside = [origin.relative_to(store).parts[:2] for origin in origins if origin.is_relative_to(store)]
    return {f"{entry['stage']}/{entry['fingerprint']}" for entry in entries} | {"/".join(parts) for parts in inside}


def _key(path: Path) -> str:
    return f"{path.parent.name}/{path.name.removesuffix('.building')}"
