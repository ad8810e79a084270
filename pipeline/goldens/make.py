"""Goldens: for each stage, contents and numbers that its code makes of small inputs which are part of this package.

They have two uses. The tests make them and compare: code that gives other contents has to raise its stage's version. And
`gristmill run` makes them where a library's version differs from that of an artifact, to see whether the library gives
other contents.

A stage has many goldens, each for one thing: a source format, a rule, an optimizer. A name is `<thing>/<part>`, such as
`csv/documents` and `csv/quarantine`.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.goldens import annotate, clean, collect, dedup, doors, evaluate, export, finetune, pretrain, tokens
from pipeline.goldens.content import Golden, Values, make_each
from pipeline.goldens.networks import one_thread

EXPECTED_FILE = Path(__file__).with_name("expected.json")
# By which numbers may differ, relatively or absolutely: processors and libraries add floats in other orders.
TOLERANCE = 1e-4
# What is computed in bfloat16 is rounded to one part in 256, and a sum that comes out otherwise may be rounded the other way.
LOOSE_TOLERANCE = 1e-3
LOOSE = ("training/bfloat16/", "training/muon/")

GOLDENS: dict[str, Mapping[str, Golden]] = {
    "collect": collect.GOLDENS,
    "documents": doors.DOCUMENT_GOLDENS,
    "annotate": annotate.GOLDENS,
    "clean": clean.GOLDENS,
    "dedup": dedup.GOLDENS,
    "vocab": tokens.VOCAB_GOLDENS,
    "tokenize": tokens.TOKENIZE_GOLDENS,
    "tokens": doors.TOKEN_GOLDENS,
    "network": doors.NETWORK_GOLDENS,
    "pretrain": pretrain.GOLDENS,
    "evaluate": evaluate.GOLDENS,
    "finetune": finetune.GOLDENS,
    "export": export.GOLDENS,
}


def make_golden(stage: str, folder: Path, goldens: Mapping[str, Golden] | None = None) -> Values:
    """Make the goldens of a stage, or some of them, in the empty `folder`; gives a content, or numbers, by `<golden>/<part>`."""
    with one_thread():
        return make_each(GOLDENS[stage] if goldens is None else goldens, folder)


def read_expected() -> dict[str, dict[str, Any]]:
    """By stage, its `version` and the `values` that `make_golden` gave when that version, or a new golden, came in."""
    found: dict[str, dict[str, Any]] = json.loads(EXPECTED_FILE.read_text(encoding="utf-8"))
    return found


def expected(stage: str) -> Values:
    """The values that are expected of a stage."""
    values: Values = read_expected()[stage]["values"]
    return values


def compare(stage: str, made: Values) -> list[str]:
    """The names of the goldens that differ from what is expected, sorted; none when all are equal."""
    return differences(expected(stage), made)


def differences(before: Values, now: Values) -> list[str]:
    """The names under which two makings differ: contents exactly, numbers by more than the tolerance."""
    return sorted(name for name in before.keys() | now.keys() if not _same(before, now, name))


def _same(before: Values, now: Values, name: str) -> bool:
    old, new = before.get(name), now.get(name)
    tolerance = LOOSE_TOLERANCE if name.startswith(LOOSE) else TOLERANCE
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = zip(old, new, strict=True)
        return all(math.isclose(*pair, rel_tol=tolerance, abs_tol=tolerance) for pair in pairs)
    return old == new
