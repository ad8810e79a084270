"""Attempts that were broken off, found again under the name that they have today."""

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
    """Give a training that an older release of the stage began, and that has another name, the name that it has today.

    Where that release is still at it, this waits: afterwards its network may be there.
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
    """The folder of an attempt at the same artifact, perhaps by another version of the stage.

    Inputs that are `pending` are left out of the comparison.
    """
    wanted = _essence(stage, identity_facts(identity), pending)
    return next((path for path, facts in store.begun(stage.name) if _essence(stage, facts, pending) == wanted), None)


def _essence(stage: Stage, facts: Mapping[str, Any], pending: Collection[str]) -> dict[str, Any]:
    """All but the version and what is pending."""
    config, inputs = facts.get("config"), facts.get("inputs")
    return {
        "inputs": {name: value for name, value in inputs.items() if name not in pending}
        if isinstance(inputs, Mapping)
        else inputs,
        "extra": facts.get("extra", {}),
        "config": named_fields(section_of(stage.name), config) if isinstance(config, Mapping) else config,
    }
