"""The reason why a step is built, in words: how the wanted artifact differs from those in the store."""

from collections.abc import Mapping, Sequence
from typing import Any

from orchestration.identity import Identity
from orchestration.store import Artifact, Store
from pipeline.runs.artifacts import identity_of, readable_artifacts
from pipeline.runs.attempts import begun_before
from pipeline.stages.stage import Stage

SHOWN = 3  # changes that a reason names


def reason_to_build(
    store: Store,
    stage: Stage,
    wanted: Identity,
    last: Artifact | None,
    givers: Mapping[str, str],
    pending: Sequence[str] = (),
) -> str:
    """The reason why a step is built, in words.

    It says how `wanted` differs from `last`, the artifact that the run has of the stage, or without one from the artifact of the
    store with the fewest differences. `givers` has the step that gives each input, by the input's label, and
    `pending` the labels of those that have yet to be built. Raises ValueError when the manifest of `last` is damaged.
    """
    goes_on = "; goes on where an earlier attempt stopped" if is_begun(store, stage, wanted, pending) else ""
    if wanted.extra.get("again"):
        return "asked for with --rebuild" + goes_on
    earlier = [last] if last else list(readable_artifacts(store, stage.name))
    found = [identity for artifact in earlier if (identity := identity_of(store, artifact, stage))]
    if not found:
        return "not built yet" + goes_on
    fewest = min((changes(identity, wanted, pending, givers) for identity in found), key=len)
    more = f" and {len(fewest) - SHOWN} more" if len(fewest) > SHOWN else ""
    return "; ".join(fewest[:SHOWN]) + more + goes_on


def is_begun(store: Store, stage: Stage, wanted: Identity, pending: Sequence[str]) -> bool:
    """Whether an earlier attempt at the same artifact left a building to go on from."""
    if stage.trains and begun_before(store, stage, wanted, pending):
        return True
    return not pending and store.building(stage.name, wanted.name).is_dir()


def changes(
    old: Identity, new: Identity, pending: Sequence[str] = (), givers: Mapping[str, str] | None = None
) -> list[str]:
    """The differences between two identities, in words; there is always at least one.

    An input in `pending`, whose content is not known, is named only when nothing else differs. Inputs are
    called by the steps in `givers`, which has them by label, and else by their labels.
    """
    found, names = [], givers or {}
    if old.version != new.version:
        found.append(f"the stage itself changed (version {old.version} -> {new.version})")
    if "libraries" in new.extra and old.extra.get("libraries") != new.extra["libraries"]:
        found.append("with today's versions of its libraries something else comes out")
    before, after = flatten(old.config), flatten(new.config)
    found += [
        f"{new.stage}.{key}: {_short(before.get(key))} -> {_short(after.get(key))}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]
    found += [
        _input_change(names.get(name, name), old.inputs.get(name), new.inputs.get(name))
        for name in sorted(old.inputs.keys() | new.inputs.keys())
        if name not in pending and old.inputs.get(name) != new.inputs.get(name)
    ]
    # The content of a pending input is not known yet, so such inputs are named only when nothing else differs.
    return found or [f"{names.get(name, name)} is built anew" for name in pending] or ["its earlier artifact is gone"]


def _input_change(name: str, old: str | None, new: str | None) -> str:
    if old is None:
        return f"{name} is new"
    return f"{name} is gone" if new is None else f"{name} has changed"


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Nested mappings and lists as one mapping from dotted keys to plain values."""
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list):
        items = {str(number): item for number, item in enumerate(value)}.items()
    else:
        return {prefix: value}
    return {
        key: plain
        for name, item in items
        for key, plain in flatten(item, f"{prefix}.{name}" if prefix else str(name)).items()
    }


def _short(value: Any) -> str:
    text = "null" if value is None else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
