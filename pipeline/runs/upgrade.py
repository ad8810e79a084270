"""Opening a store that an older release made. Its artifacts stay as they are; what was begun gets to know what it is for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from orchestration.files import write_json
from orchestration.identity import Identity
from orchestration.side_records import say_once
from orchestration.store import FORMAT, IDENTITY, Artifact, Store, identity_facts
from pipeline.recipe.fields import named_fields, output_fields
from pipeline.recipe.reading import RecipeError, load_recipe
from pipeline.runs.artifacts import content_of, identity_of, readable_artifacts
from pipeline.runs.plan import hash_sources
from pipeline.runs.view import read_plan
from pipeline.stages.line import STAGES
from pipeline.stages.source_hashes import SourceHashes
from pipeline.stages.stage import Stage


def upgrade_store(store: Store, runs: Path) -> None:
    """Open the store; one of format 1 is brought to today's format.

    Folders under construction did not say what they were to become. For those that train a network the run whose plan names
    them does: its recipe, and the artifacts that the plan names as their inputs. Others are begun anew by the next run, which
    loses the shards that they had finished.
    """
    if store.format() != FORMAT:  # None as well: the record of an older store may be torn
        for stage in STAGES:
            for artifact in readable_artifacts(store, stage.name):
                _find_out(store, artifact, stage)
        for plan in sorted(runs.glob("*/plan.json")):
            _name_what_was_begun(store, plan.parent)
    store.open()


def _find_out(store: Store, artifact: Artifact, stage: Stage) -> None:
    """Write down what an artifact of format 1 was made of and what it gives, while all of that is there."""
    try:
        identity_of(store, artifact, stage)
        content_of(artifact)
    except ValueError as error:  # It is damaged, which whoever needs it is told.
        say_once(str(error))


def _name_what_was_begun(store: Store, view: Path) -> None:
    try:
        entries = {entry["stage"]: entry for entry in read_plan(view)["stages"]}
        recipe = load_recipe(view / "recipe.yaml", [])
    except (OSError, ValueError, KeyError, RecipeError):
        return  # a damaged view says nothing about what was begun for it
    for stage in STAGES:
        config = getattr(recipe, stage.name)
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
    """The content of what a stage was to be made of, None where a part of it is gone or damaged."""
    try:
        artifacts = {name: store.find(name, str(entries[name]["artifact"])) for name in stage.inputs if name in entries}
        contents = {name: content_of(artifact) for name, artifact in artifacts.items() if artifact}
        hashes = SourceHashes(store.root / "sources.json", verify=False)
        sources = hash_sources(stage, config, view, hashes)  # what a training begins with has an absolute path
    except ValueError:
        return None
    return {**contents, **sources} if len(contents) == len(artifacts) else None
