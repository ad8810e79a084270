"""Adopting an artifact by hand: a stage of a run takes an artifact that was made of something else than its recipe says."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestration.files import commit_folder, files_below, write_sealed
from orchestration.identity import Identity
from orchestration.lease import hold
from orchestration.store import FORMAT, VOLATILE, Artifact, Store
from pipeline.recipe.fields import output_fields
from pipeline.recipe.reading import load_recipe
from pipeline.runs.artifacts import content_of, identity_of, refuse_damage
from pipeline.runs.plan import Step, make_plan
from pipeline.runs.reasons import changes
from pipeline.runs.view import link, read_plan, record_artifact
from pipeline.stages.chain import inputs_of

ADOPTED = ".adopted"  # The name of the folder in which an adoption is put together ends in this.


def adopt(view: Path, name: str, artifact: Path, store: Store) -> Artifact:
    """Adopt `artifact`, a folder or a name in the store, as what the step `name` gives of the run whose view is `view`.

    Gives the adopted artifact, whose manifest says where it came from. Its files are linked where the file system can do that,
    and copied elsewhere. Raises ValueError when the artifact does not fit the run (it is of another stage, is damaged, has other
    shapes or another tokenizer), when the run has an artifact of the stage already, when the stage's inputs are not whole yet,
    and when a living process is building the same artifact.
    """
    steps = _plan(view, store)
    stage = steps[name].stage.name if name in steps else name
    found = _find(artifact, stage, store)
    step = _step(steps, view, name)
    refuse_damage(found, checksums=True)
    assert step.identity, "_step has seen to it"
    if step.stage.fits:
        step.stage.fits(found.path, step.config, _inputs(step, steps))
    with hold(store.building(stage, step.identity.name), _refuse_to_wait, lambda: False):
        if store.find(stage, step.identity.name):
            raise ValueError(f"{name}: run {view.name} has got it meanwhile; nothing was adopted")
        adopted = _link_files(found, step, store)
    store.write_record(stage, step.key, {"artifact": adopted.name, **({"again": step.again} if step.again else {})})
    record_artifact(view, name, adopted.name)
    link(view, name, store, adopted)
    return adopted


def _refuse_to_wait(holder: str) -> None:
    raise ValueError(f"{holder} is building this artifact; stop it first, or let it finish")


def _plan(view: Path, store: Store) -> dict[str, Step]:
    plan = read_plan(view)
    if plan["base"] is None:
        raise ValueError(f"run {view.name}: its recipe's folder is not on record; run its recipe once, then adopt")
    recipe = load_recipe(view / "recipe.yaml")
    return {step.name: step for step in make_plan(recipe, Path(plan["base"]), store, view)}


def _step(steps: Mapping[str, Step], view: Path, stage: str) -> Step:
    if stage not in steps:
        raise ValueError(f"{stage}: run {view.name} has no such stage; it has {', '.join(steps)}")
    step = steps[stage]
    if step.artifact:
        raise ValueError(f"{stage}: run {view.name} has it already ({step.reason})")
    if step.identity is None:
        last = step.givers[-1]
        raise ValueError(f"{stage}: its inputs are not whole yet; `gristmill run RECIPE --until {last}` builds them")
    return step


def _inputs(step: Step, steps: Mapping[str, Step]) -> dict[str, Path]:
    artifacts = {name: artifact for name in step.givers if (artifact := steps[name].artifact)}
    return {key: artifact.path for key, artifact in step.by_key(artifacts).items()}


def _find(artifact: Path, stage: str, store: Store) -> Artifact:
    """The artifact that a path, or a name in the store, stands for; raises ValueError when it is none of this stage."""
    named = store.folder(stage, str(artifact)) if len(artifact.parts) == 1 and not artifact.exists() else artifact
    path = named.resolve()
    if not (path / "manifest.json").is_file():
        raise ValueError(f"{artifact}: no artifact (there is no manifest.json in {path})")
    found = Artifact(path)
    if found.manifest["stage"] != stage:
        raise ValueError(f"{artifact}: an artifact of {found.manifest['stage']}, not of {stage}")
    return found


def _link_files(found: Artifact, step: Step, store: Store) -> Artifact:
    identity = step.identity
    assert identity, "the caller has seen to it"
    final = store.folder(identity.stage, identity.name)
    temporary = final.with_name(f".{identity.name}{ADOPTED}")
    shutil.rmtree(temporary, ignore_errors=True)  # an adoption that was killed may have left it
    for path in files_below(found.path):
        if path.name not in VOLATILE or path.name in ("build.json", "metrics.jsonl"):
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(found.path / path, temporary / path)
    write_sealed(temporary / "manifest.json", _manifest(found, step, identity, store))
    commit_folder(temporary, final)
    return Artifact(final)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # The store is on another file system, or on one without links.
        shutil.copyfile(source, target)


def _manifest(found: Artifact, step: Step, identity: Identity, store: Store) -> dict[str, Any]:
    old = found.manifest
    before = identity_of(store, found, step.stage)
    return {
        **old,
        "format": FORMAT,
        "version": identity.version,
        "fingerprint": identity.name,
        "key": step.key,
        "inputs": dict(identity.inputs),
        "artifacts": inputs_of(old),
        "config": output_fields(step.config),
        "extra": dict(identity.extra),
        "content": content_of(found),
        "adopted": {"from": found.name, "differs": changes(before, identity) if before else ["not known"]},
    }
