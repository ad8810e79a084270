"""`make reseal`: make the goldens of every stage, and write expected values and seals where that is right.

- Goldens are equal: the new seal is written.
- The stage's version was raised: the new values are written too.
- Goldens are new, or only their inputs changed and no code did: likewise.
- Content changed and the version did not: nothing is written, and the stages and goldens are named.

Whoever changes code and the inputs of goldens reseals twice, first with the code alone: only then the goldens show what
the code does.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.goldens.content import Values
from pipeline.goldens.make import EXPECTED_FILE, differences, make_golden, read_expected
from pipeline.stages.line import STAGES
from tests.seals.definitions import Modules
from tests.seals.seals import ROOT, SEALS, describe, faults, reached, read_seals


def refusals(stage: str, broken: bool, raised: bool, before: Values, now: Values) -> list[str]:
    """The goldens because of which a stage is not sealed again: changed by code whose version was not raised."""
    if raised or not broken:
        return []
    return [name for name in differences(before, now) if name in before]


def main() -> int:
    """Seal all stages again, or say why not; gives the exit code."""
    versions = {stage.name: stage.version for stage in STAGES}
    expected = read_expected() if EXPECTED_FILE.exists() else {}
    sealed = read_seals() if SEALS.exists() else {"stages": {}, "definitions": {}}
    modules = Modules(ROOT)
    stages = {stage: reached(modules, stage) for stage in versions}
    broken = {line.partition(":")[0] for line in faults(stages, versions, sealed)}
    made: dict[str, dict[str, Any]] = {}
    refused = []
    for stage, version in versions.items():
        old = expected.get(stage, {"version": 0, "values": {}})
        with TemporaryDirectory() as folder:
            values = make_golden(stage, Path(folder))
        names = refusals(stage, stage in broken, version > old["version"], old["values"], values)
        if names:
            refused.append(
                f"{stage}: {_some(names)} came out otherwise; raise the version in pipeline/stages/{stage}.py, or undo it"
            )
        # Values that differ by no more than the tolerance stay as they are, so that they do not wander.
        same = not differences(old["values"], values)
        made[stage] = {"version": version, "values": old["values"] if same else _rounded(values)}
        print(f"{stage}: {len(values)} values, {'as before' if same else 'not as before'}", flush=True)
    if refused:
        print("\n".join(["nothing was written", *refused]), file=sys.stderr)
        return 1
    EXPECTED_FILE.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    SEALS.write_text(json.dumps(describe(stages, versions), indent=1) + "\n", encoding="utf-8")
    return 0


def _some(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _rounded(values: Values) -> Values:
    """Numbers with the digits that are compared, and two more."""
    return {n: [float(f"{x:.7g}") for x in v] if isinstance(v, list) else v for n, v in values.items()}


if __name__ == "__main__":
    sys.exit(main())
