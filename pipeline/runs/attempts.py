"""Attempts that were broken off, found again under the name that they have today."""

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orchestration.identity import Identity
from orchestration.lease import hold
from orchestration.store import Store, identity_facts
from pipeline.recipe.fields import named_fields
from pipeline.runs.artifacts import changed_libraries, section_of
from pipeline.stages.stage import Stage


def continue_attempt(
    store: Store,
    stage: Stage,
    identity: Identity,
    libraries: Mapping[str, str],
    should_stop: Callable[[], bool],
) -> None:
    """See to it that an attempt at this artifact is gone on from where it may be, and only there.

    A training that an older release of the stage began has another name: it gets today's. What other versions of libraries
    began is left to the stage's own account, unless the stage treats each shard by itself: then it would mix what two
    versions make, and is begun anew.
    """
    target = store.building(stage.name, identity.name)
    if stage.trains and not target.exists():
        older = begun_before(store, stage, identity)
        if older:
            with hold(older, lambda holder: None, should_stop):
                if older.exists() and not target.exists():
                    older.rename(target)
    if stage.map_work:
        for path, wanted in store.begun(stage.name):
            if path == target and changed_libraries(wanted.get("versions", {}), libraries):
                with hold(path, lambda holder: None, should_stop):
                    _begin_anew(path)


def begun_before(store: Store, stage: Stage, identity: Identity) -> Path | None:
    """The folder of an attempt at the same artifact by another version of the stage."""
    wanted = _essence(stage, identity_facts(identity))
    return next((path for path, facts in store.begun(stage.name) if _essence(stage, facts) == wanted), None)


def _essence(stage: Stage, facts: Mapping[str, Any]) -> dict[str, Any]:
    """All but the version."""
    config = facts.get("config")
    fields = named_fields(section_of(stage.name), config) if isinstance(config, Mapping) else config
    return {"inputs": facts.get("inputs"), "extra": facts.get("extra", {}), "config": fields}


def _begin_anew(folder: Path) -> None:
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path)
