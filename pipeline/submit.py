"""Submitting a recipe to a Ray cluster through Ray Jobs."""

import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path

import yaml
from rich.console import Console

from pipeline.recipe import check_recipe, read_yaml, with_overrides

RECIPE = "recipe.yaml"


def submit_recipe(
    path: Path, overrides: Sequence[str], address: str, workdir: Path, python: str, wait: bool, console: Console
) -> int:
    """Check the recipe here, send it to the cluster and follow its run; gives the exit code of the command.

    The job is the ordinary `gristmill run`, started by the nodes' own interpreter `python` from a copy of the recipe. Paths
    in the recipe are those that the nodes see, relative ones from this recipe's folder.
    """
    from orchestration.jobs import follow, status, submit

    values = with_overrides(read_yaml(path), overrides)
    recipe = check_recipe(values, str(path))
    command = [
        python,
        "-m",
        "pipeline.cli",
        "run",
        RECIPE,
        "--workdir",
        str(workdir),
        "--address",
        "auto",
        "--base",
        str(path.parent.resolve()),
    ]
    with tempfile.TemporaryDirectory(prefix="gristmill-submit-") as folder:
        (Path(folder) / RECIPE).write_text(
            yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8"
        )
        job = submit(address, shlex.join(command), Path(folder), recipe.name)
    console.print(f"Submitted run {recipe.name} as job {job}.", highlight=False)
    if not wait:
        console.print(f"`gristmill status {recipe.name} --workdir {workdir}` says how far it is.", highlight=False)
        return 0
    try:
        for text in follow(address, job):
            console.print(text, end="", highlight=False, markup=False, soft_wrap=True)
    except KeyboardInterrupt:
        console.print(f"\nJob {job} goes on; `ray job stop --address {address} {job}` ends it.", highlight=False)
        return 130
    outcome = status(address, job)
    console.print(f"Job {job}: {outcome}", highlight=False)
    return 0 if outcome == "SUCCEEDED" else 1
