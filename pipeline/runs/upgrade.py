"""Opening a store that an older release made. Artifacts stay as they are; buildings of trainings get their identity."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from orchestration.files import write_json
from orchestration.identity import Identity
from orchestration.side_records import say_once
from orchestration.store import FORMAT, IDENTITY, Artifact, Store, identity_facts
from pipeline.recipe.fields import named_fields, output_fields
from pipeline.recipe.reading import load_recipe
from pipeline.recipe.written import RecipeError
from pipeline.runs.artifacts import content_of, identity_of, readable_artifacts
from pipeline.runs.plan import hash_sources
from pipeline.runs.view import read_plan
from pipeline.stages.line import STAGES
from pipeline.stages.source_hashes import SourceHashes
from pipeline.stages.stage import Stage


def upgrade_store(store: Store, runs: Path) -> None:
    """Open the store, and bring one of format 1 to today's format.

    A building of format 1 does not say what it is to become. For a building of a training this is found out from the run whose
    plan names it: from its recipe, and from the artifacts that the plan names as inputs. Buildings of other stages are begun
    anew by the next run, so that their finished shards are lost. Damaged artifacts and views are passed over. Raises ValueError
    when the store was made by a newer Gristmill.
    """
    if store.format() != FORMAT:  # also when it is None, since the record of an older store may be torn
        for stage in STAGES:
            for artifact in readable_artifacts(store, stage.name):
                _find_out(store, artifact, stage)
        for plan in sorted(runs.glob("*/plan.json")):
            _name_what_was_begun(store, plan.parent)
    store.open()


def _find_out(store: Store, artifact: Artifact, stage: Stage) -> None:
    """Write down the inputs, by content, and the content of an artifact of format 1, as long as its inputs are there."""
    try:
        identity_of(store, artifact, stage)
        content_of(artifact)
    except ValueError as error:  # It is damaged. A run that needs it fails with this message.
        say_once(str(error))


def _name_what_was_begun(store: Store, view: Path) -> None:
    try:
        entries = {entry["stage"]: entry for entry in read_plan(view)["stages"]}
        recipe = load_recipe(view / "recipe.yaml", [])
    except (OSError, ValueError, KeyError, RecipeError):
        return  # a damaged view does not say what its buildings are for
    for stage in STAGES:
        config = getattr(recipe, stage.name)  # A training stands in a recipe once.
        entry = entries.get(stage.name)
        if not stage.trains or config is None or entry is None:
            continue
        folder = store.building(stage.name, str(entry["artifact"]))
        if folder.is_dir() and not (folder / IDENTITY).exists():
            inputs = _contents(store, stage, config, entries, view)
            if inputs is not None:
                fields = named_fields(type(config), output_fields(config))
                identity = Identity(stage.name, stage.version, inputs, fields)
                write_json(folder / IDENTITY, {**identity_facts(identity), "versions": {}})


def _contents(
    store: Store, stage: Stage, config: BaseModel, entries: Mapping[str, Any], view: Path
) -> dict[str, str] | None:
    """The content of each input and source of a stage, None where one of them is gone or damaged."""
    try:
        names = [taken.label for taken in stage.inputs if taken.label in entries]  # In format 1 these are stages.
        artifacts = {name: store.find(name, str(entries[name]["artifact"])) for name in names}
        contents = {name: content_of(artifact) for name, artifact in artifacts.items() if artifact}
        hashes = SourceHashes(store.root / "sources.json", verify=False)
        # A training's only source is its origin, whose path is absolute, so the folder given here does not matter.
        sources = hash_sources(stage, config, view, hashes)
    except ValueError:
        return None
    return {**contents, **sources} if len(contents) == len(artifacts) else None
