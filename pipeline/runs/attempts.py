"""Attempts that were broken off: finding the building that an older release left, whose name would be another one today."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from orchestration.identity import Identity
from orchestration.lease import hold
from orchestration.store import Store, identity_facts
from pipeline.recipe.fields import named_fields
from pipeline.runs.artifacts import section_of
from pipeline.stages.stage import Stage


def continue_attempt(
    store: Store,
    stage: Stage,
    identity: Identity,
    waiting: Callable[[str], None],
    should_stop: Callable[[], bool],
) -> None:
    """Rename the building of a training that an older version of the stage began to the name that `identity` has today.

    Where a run of that version is still training, this waits for it; afterwards its network may be there. `waiting` is called
    with the name of that process. Raises Stopped when `should_stop` says so while this waits.
    """
    target = store.building(stage.name, identity.name)
    if not stage.trains or target.exists():
        return
    older = begun_before(store, stage, identity)
    if older:
        with hold(older, waiting, should_stop):
            if older.exists() and not target.exists():
                older.rename(target)


def begun_before(store: Store, stage: Stage, identity: Identity, pending: Collection[str] = ()) -> Path | None:
    """The building of an attempt at the same artifact, perhaps by another version of the stage; None when there is none.

    Inputs that are `pending` are left out of the comparison.
    """
    wanted = _essence(stage, identity_facts(identity), pending)
    return next((path for path, facts in store.begun(stage.name) if _essence(stage, facts, pending) == wanted), None)


def _essence(stage: Stage, facts: Mapping[str, Any], pending: Collection[str]) -> dict[str, Any]:
    """The parts of an identity that are compared: all but the version and the pending inputs."""
    config, inputs = facts.get("config"), facts.get("inputs")
    return {
        "inputs": {name: value for name, value in inputs.items() if name not in pending}
        if isinstance(inputs, Mapping)
        else inputs,
        "extra": facts.get("extra", {}),
        "config": named_fields(section_of(stage.name), config) if isinstance(config, Mapping) else config,
    }
