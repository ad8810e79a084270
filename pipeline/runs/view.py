"""The readable view of a run, `runs/<name>/`: recipe, links to artifacts by stage, event log, metrics, report."""

import os
import threading
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NotRequired

from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic accepts the TypedDict of typing only from Python 3.12 on

from orchestration.files import write_json, write_text
from orchestration.side_records import say_once
from orchestration.store import Artifact, Store
from pipeline.recipe.reading import to_yaml
from pipeline.recipe.recipe import Recipe
from pipeline.runs.plan import Step
from pipeline.stages.line import STAGES


@with_config(ConfigDict(extra="allow"))
class PlannedStage(TypedDict):
    """A stage in the plan of a run."""

    stage: str
    name: NotRequired[str]
    """The name that the run has for it, where that is not the stage's."""
    key: str
    """The recipe key."""
    artifact: str | None
    """The name of the stage's artifact in the store, None until it is known."""
    before: NotRequired[str]
    """The name that the plan before this one had for the artifact. It is kept until the new name is known."""
    origin: NotRequired[str]
    """The folder of the network that a training begins with."""


@with_config(ConfigDict(extra="allow"))
class RunPlan(TypedDict):
    """The content of `plan.json` in the view of a run."""

    base: str | None
    """The recipe's folder; None in a plan of an older release, which did not write it down."""
    stages: list[PlannedStage]


@with_config(ConfigDict(extra="allow"))
class _StageOfFormat1(TypedDict):
    stage: str
    fingerprint: str


_PLAN: TypeAdapter[RunPlan] = TypeAdapter(RunPlan)
_PLAN_OF_FORMAT_1: TypeAdapter[list[_StageOfFormat1]] = TypeAdapter(list[_StageOfFormat1])
ORDER = tuple(stage.name for stage in STAGES)
PLAN_FORMAT = 2
_plan_lock = threading.Lock()  # The stages of a run are threads, and several may write to the plan at once.


def runs_folder(workdir: Path) -> Path:
    """The folder that has the views of all runs of a workdir."""
    return workdir / "runs"


def open_view(view: Path, recipe: Recipe, base: Path, steps: Sequence[Step]) -> None:
    """Write the resolved recipe, its folder and the plan into the view, and make the view if there is none.

    Links of an earlier attempt stay; each is moved when the artifact that it is to lead to is whole.
    """
    view.mkdir(parents=True, exist_ok=True)
    write_text(view / "recipe.yaml", to_yaml(recipe))
    before = _named_before(view)
    stages = [
        {**entry, "before": before[name_in(entry)]} if not entry["artifact"] and name_in(entry) in before else entry
        for entry in plan_facts(steps)
    ]
    write_json(view / "plan.json", {"format": PLAN_FORMAT, "base": readable(base), "stages": stages})


def _named_before(view: Path) -> dict[str, str]:
    """The artifact that the run's plan so far names for each stage. A building of that name still belongs to this run."""
    try:
        stages = read_plan(view)["stages"]
    except ValueError:  # There is no plan yet, or a damaged one.
        return {}
    return {name_in(entry): name for entry in stages if (name := entry["artifact"] or entry.get("before"))}


def read_plan(view: Path) -> RunPlan:
    """The plan of a run. Raises ValueError when the record is missing or damaged."""
    path = view / "plan.json"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror}); run the recipe again to write it anew") from None
    try:
        return _PLAN.validate_json(content, strict=True)
    except ValidationError:
        pass
    try:  # The plan may be of format 1, in which an artifact had its name before its inputs were whole.
        entries = _PLAN_OF_FORMAT_1.validate_json(content, strict=True)
    except ValidationError:
        raise ValueError(f"{path}: torn or damaged; run the recipe again to write it anew") from None
    stages: list[PlannedStage] = [
        {"stage": entry["stage"], "key": "", "artifact": entry["fingerprint"], **_origin(entry)}  # type: ignore[typeddict-item]
        for entry in entries
    ]
    return {"base": None, "stages": stages}


def name_in(entry: Mapping[str, Any]) -> str:
    """The name that a run has for a stage of its plan."""
    return str(entry.get("name", entry["stage"]))


def _origin(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"origin": entry["origin"]} if "origin" in entry else {}


def plan_or_links(view: Path) -> list[PlannedStage]:
    """The stages of a run's plan. When the plan is damaged, they are those that the run has links to.

    A line on the error stream says so; nothing is raised.
    """
    try:
        return read_plan(view)["stages"]
    except ValueError as error:
        say_once(f"{error}; until then its stages are those that it has links to")
        places = {path.name: path.resolve() for path in sorted(view.glob("*")) if path.is_dir()}
        stages = {name: path.parent.name if path.parent.name in ORDER else name for name, path in places.items()}
        known = sorted((ORDER.index(stage), name) for name, stage in stages.items() if stage in ORDER)
        return [
            {"stage": ORDER[number], "name": name, "key": "", "artifact": places[name].name} for number, name in known
        ]


def record_artifact(view: Path, step: str, name: str) -> None:
    """Write the name of a step's artifact into the plan of a run, before any of it is built.

    Raises ValueError when the plan is missing or damaged.
    """
    with _plan_lock:
        plan = read_plan(view)
        for entry in plan["stages"]:
            if name_in(entry) == step:
                entry["artifact"] = name
                entry.pop("before", None)
        write_json(view / "plan.json", {"format": PLAN_FORMAT, **plan})


def readable(path: Path) -> str:
    """A path as text for JSON; bytes of it that are not UTF-8 are written as escapes."""
    return os.fsencode(path).decode(errors="backslashreplace")


def link(view: Path, name: str, store: Store, artifact: Artifact) -> None:
    """Link `<view>/<name>` to an artifact. The link is relative, so that the workdir can be moved."""
    temporary = view / f".{name}.{uuid.uuid4().hex}"
    temporary.symlink_to(os.path.relpath(store.root / artifact.stage / artifact.name, view))
    temporary.replace(view / name)


def plan_facts(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The plan in JSON values, an entry for each step, as `plan.json` and `gristmill plan --json` have it."""
    return [
        {
            "stage": step.stage.name,
            **({"name": step.name} if step.name != step.stage.name else {}),
            "action": step.action,
            "reason": step.reason,
            "key": step.key,
            "artifact": _name(step),
            "inputs": list(dict.fromkeys(step.givers)),
            **({"origin": origin} if (origin := getattr(step.config, "init_from", None)) else {}),
        }
        for step in steps
    ]


def _name(step: Step) -> str | None:
    """The name of the step's artifact, None when it is not known yet. An artifact to reuse may have a name of format 1."""
    if step.artifact and step.action == "reuse":
        return step.artifact.name
    return step.identity.name if step.identity else None


def artifacts(view: Path) -> dict[str, Artifact]:
    """The artifacts of a run that are whole, in the order of the line, by the names that the run has for them.

    An artifact that an earlier recipe of the run made, to which a link may still lead, is not among them. A damaged plan is
    read as `plan_or_links` does; nothing is raised.
    """
    found = {}
    for entry in plan_or_links(view):
        place = view / name_in(entry)
        if (place / "manifest.json").is_file() and place.resolve().name == entry["artifact"]:
            found[name_in(entry)] = Artifact(place.resolve())
    return found


def manifests(view: Path) -> dict[str, dict[str, Any]]:
    """The manifests of a run's whole artifacts, by its names for them; raises ValueError for a damaged one."""
    return {name: artifact.manifest for name, artifact in artifacts(view).items()}
