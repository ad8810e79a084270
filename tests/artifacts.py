"""Artifacts and runs of a few bytes, finished by the store itself as a run's are."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orchestration.identity import Identity
from orchestration.store import Artifact, Provenance, Store
from pipeline.recipe.fields import output_fields
from pipeline.runs.plan import Step
from pipeline.runs.view import link, record_artifact


def finish(
    store: Store,
    identity: Identity,
    files: Mapping[str, str] | None = None,
    counts: Mapping[str, Any] | None = None,
    content: str = "",
    provenance: Provenance | None = None,
) -> Artifact:
    """An artifact with these texts as its files."""
    provenance = provenance or Provenance("", identity.config, {}, {})
    with store.claim(identity, provenance, lambda _: None, lambda: False) as building:
        assert building, "it is there already"
        for name, text in (files or {}).items():
            (building.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (building.folder / name).write_text(text)
        return building.finish(counts or {}, content, {}, time.time())


def finish_run(plan: Callable[[], list[Step]], store: Store, view: Path, content: Callable[[Step], str]) -> list[str]:
    """Do what a run does with its stages, without their work: `content` says what each comes out as; the names of those built.

    The view has been opened.
    """
    built = []
    while step := next((step for step in plan() if step.action != "reuse"), None):
        assert step.identity, f"{step.stage.name} waits for an input, and none is left to be built"
        record_artifact(view, step.name, step.identity.name)
        again = {"again": step.again} if step.again else {}
        store.write_record(step.stage.name, step.key, {"artifact": step.identity.name, **again})
        provenance = Provenance(step.key, output_fields(step.config), step.libraries, {})
        files = {"out.txt": step.stage.name}
        link(view, step.name, store, finish(store, step.identity, files, {}, content(step), provenance))
        built.append(step.name)
    for step in plan():
        assert step.artifact
        record_artifact(view, step.name, step.artifact.name)
        link(view, step.name, store, step.artifact)
    return built
