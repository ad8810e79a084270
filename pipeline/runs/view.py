"""The readable view of a run, `runs/<name>/`: recipe, links to artifacts by stage, event log, metrics, report."""

import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestration.files import read_json, write_json, write_text
from orchestration.store import Artifact, Store
from pipeline.recipe.reading import to_yaml
from pipeline.recipe.recipe import Recipe
from pipeline.runs.plan import STAGES, Step

ORDER = tuple(stage.name for stage in STAGES)


def runs_folder(workdir: Path) -> Path:
    """Where the views of all runs lie."""
    return workdir / "runs"


def open_view(view: Path, recipe: Recipe, steps: Sequence[Step]) -> None:
    """Write the resolved recipe and the plan; take away links to artifacts that this recipe does not lead to."""
    view.mkdir(parents=True, exist_ok=True)
    write_text(view / "recipe.yaml", to_yaml(recipe))
    write_json(view / "plan.json", plan_facts(steps))
    wanted = {step.stage.name: step.identity.fingerprint for step in steps}
    for stage in ORDER:
        link = view / stage
        if link.is_symlink() and link.readlink().name != wanted.get(stage):
            link.unlink()


def link(view: Path, store: Store, artifact: Artifact) -> None:
    """Let `<view>/<stage>` lead to an artifact, by a relative path, so that the workdir can be moved."""
    stage = artifact.path.parent.name
    temporary = view / f".{stage}.{uuid.uuid4().hex}"
    temporary.symlink_to(os.path.relpath(store.root / stage / artifact.path.name, view))
    temporary.replace(view / stage)


def plan_facts(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The plan for programs."""
    return [
        {
            "stage": step.stage.name,
            "action": step.action,
            "reason": step.reason,
            "fingerprint": step.identity.fingerprint,
            "inputs": list(step.inputs),
            **({"origin": origin} if (origin := getattr(step.config, "init_from", None)) else {}),
        }
        for step in steps
    ]


def manifests(view: Path) -> dict[str, dict[str, Any]]:
    """Manifests of the stages that the view leads to, in the order of the stages."""
    return {
        stage: read_json(view / stage / "manifest.json")
        for stage in ORDER
        if (view / stage / "manifest.json").is_file()
    }
