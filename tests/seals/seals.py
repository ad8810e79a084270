"""A seal a stage: a hash over the definitions of `data` and `model` that it reaches by name from its file in pipeline/stages.

The seals are kept in seals.json beside the versions that they were made for. Code that has changed under a version that has
not breaks the seal, until `make reseal` has shown that the goldens come out as before.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.seals.definitions import BODY, EVERYTHING, SEALED, Modules, Reference

ROOT = Path(__file__).parents[2]
SEALS = Path(__file__).with_name("seals.json")
STAGE = "STAGE"  # the constant in pipeline/stages/<stage>.py from which everything is reached

Sealed = set[tuple[str, str]]  # name and hash of each definition that a stage reaches, whatever module it stands in


def reached(modules: Modules, stage: str) -> Sealed:
    """The definitions of `data` and `model` that a stage reaches."""
    waiting: list[Reference] = [(f"pipeline.stages.{stage}", STAGE)]
    seen: set[Reference] = set()
    found: Sealed = set()
    while waiting:
        reference = waiting.pop()
        if reference in seen:
            continue
        seen.add(reference)
        name, wanted = reference
        module = modules[name]
        if wanted == EVERYTHING:
            waiting += [(name, each) for each in module.definitions]
            continue
        definition = module.definitions[wanted]
        waiting += definition.references
        waiting += [(name, BODY)] if BODY in module.definitions else []
        if name.startswith(SEALED):
            found.add((wanted, definition.hash))
    return found


def seal_of(sealed: Sealed) -> str:
    """One hash of all the definitions."""
    return hashlib.blake2b(repr(sorted(sealed)).encode(), digest_size=16).hexdigest()


def describe(stages: Mapping[str, Sealed], versions: Mapping[str, int]) -> dict[str, Any]:
    """The contents of seals.json: version and seal of each stage, and all hashes that definitions of a name have."""
    hashes: defaultdict[str, set[str]] = defaultdict(set)
    for sealed in stages.values():
        for name, hash in sealed:
            hashes[name].add(hash)
    return {
        "stages": {
            stage: {"version": versions[stage], "seal": seal_of(sealed)} for stage, sealed in sorted(stages.items())
        },
        "definitions": {name: " ".join(sorted(found)) for name, found in sorted(hashes.items())},
    }


def faults(stages: Mapping[str, Sealed], versions: Mapping[str, int], sealed: Mapping[str, Any]) -> list[str]:
    """A line for each stage whose seal, or the version that it was made for, is not that of today."""
    lines = []
    for stage, found in stages.items():
        old = sealed["stages"].get(stage)
        if old is None or old["version"] != versions[stage]:
            lines.append(f"{stage}: no seal of version {versions[stage]}; run `make reseal`")
        elif old["seal"] != seal_of(found):
            changed = ", ".join(changes(found, sealed)) or "a definition that it no longer reaches"
            lines.append(
                f"{stage}: the seal of version {versions[stage]} is broken by {changed}; raise the version in "
                f"pipeline/stages/{stage}.py if other content comes out, and run `make reseal`"
            )
    return lines


def changes(found: Sealed, sealed: Mapping[str, Any]) -> list[str]:
    """The names of the definitions that no seal has, sorted."""
    definitions = sealed["definitions"]
    return sorted({name for name, hash in found if hash not in definitions.get(name, "").split()})


def read_seals() -> dict[str, Any]:
    """The contents of seals.json."""
    contents: dict[str, Any] = json.loads(SEALS.read_text(encoding="utf-8"))
    return contents
