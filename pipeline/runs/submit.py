"""Submitting a recipe to a Ray cluster through Ray Jobs."""

import shlex
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from pipeline.recipe.overrides import overridden
from pipeline.recipe.reading import check_code, check_recipe
from pipeline.recipe.written import read_file, to_text
from pipeline.runs.sweep import make_trials
from pipeline.runs.workdir import check_name

RECIPE = "recipe.yaml"


def submit_recipe(
    path: Path,
    overrides: Sequence[str],
    address: str,
    workdir: Path,
    python: str,
    wait: bool,
    allow_code: bool,
    console: Console,
) -> int:
    """Check the recipe here, send it to the cluster and, with `wait`, follow its run; gives the exit code of the command.

    The job is the ordinary `gristmill run`, started by the nodes' own interpreter `python` from a copy of the recipe. Paths in
    the recipe have to be valid on the nodes; relative ones start at this recipe's folder. The exit code is 0 when the job
    succeeded or is not waited for, 1 when it failed, 130 after Ctrl-C, which leaves the job running. Raises RecipeError for a
    mistake in the recipe, ValueError for a workdir that cannot be used, ClusterUnusable when the cluster does not take the job.
    """
    from orchestration.jobs import follow, status, submit

    check_name(workdir)
    written = overridden(read_file(path), overrides)
    recipe = check_recipe(written.values, str(path), written.places)
    for each in [trial.recipe for trial in make_trials(recipe)] if recipe.sweep else [recipe]:
        check_code(each, allow_code)
    run = [python, "-P", "-m", "gristmill", "run"]  # -P keeps Python from importing what lies in the current folder
    options = ["--workdir", str(workdir), "--address", "auto", "--base", str(path.parent.resolve())]
    options += ["--allow-code"] if allow_code else []
    # Ray may delete the job's folder while the run still works, so the run's current folder is the workdir.
    there = f'recipe="$PWD/{RECIPE}" && mkdir -p {shlex.quote(str(workdir))} && cd {shlex.quote(str(workdir))}'
    command = f'{there} && exec {shlex.join(run)} "$recipe" {shlex.join(options)}'
    with tempfile.TemporaryDirectory(prefix="gristmill-submit-") as folder:
        (Path(folder) / RECIPE).write_text(to_text(written.values), encoding="utf-8")
        job = submit(address, command, Path(folder), recipe.name)
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
