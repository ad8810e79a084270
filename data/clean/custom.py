"""Rules and scores of the user's own: Python functions that a recipe names as `module:function`.

The module is a file in the folder of the recipe (`rules` is rules.py there, `quality.rules` is quality/rules.py), found by
its path and by nothing else: no package that is installed can be meant, and none of ours can be shadowed. The file's content
enters the fingerprint; docs/custom_rules.md is the page for users.
"""

import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

FUNCTION = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*$"
_MESSAGE_CHARACTERS = 300

Result = str | float | None  # a reason to reject the document, a score, or None when nothing speaks against it
Function = Callable[[str, Mapping[str, Any]], Result]


def code_files(functions: Iterable[str], base: Path) -> dict[str, Path]:
    """The files that `module:function` names stand for, by label: what a stage's fingerprint has to cover."""
    return {f"code:{module}": _file(module, base) for module in sorted({name.partition(":")[0] for name in functions})}


def load_function(name: str, base: Path) -> Function:
    """The function `module:function` from the folder `base`.

    Raises ValueError when the file is not there, cannot be run, or has no such function.
    """
    module, _, attribute = name.partition(":")
    file = _file(module, base)
    if not file.is_file():
        raise ValueError(f"{name}: there is no file {file}")
    try:
        loaded = _run(f"gristmill_custom.{module}", file)
    except Exception as error:
        raise ValueError(f"{name}: {file.name} cannot be imported: {_said(error)}") from error
    function = getattr(loaded, attribute, None)
    if not callable(function):
        raise ValueError(f"{name}: {file.name} has no function {attribute}")
    return _checked(name, function)


def document_of(row: Mapping[str, Any], **identified: Any) -> dict[str, Any]:
    """A document's facts for a function, beside its text: `id`, `source`, `uri`, `license`, `meta` and what was `identified`."""
    document = {name: row[name] for name in ("id", "source", "uri", "license")}
    return document | {"meta": json.loads(row["meta"])} | identified


def _file(module: str, base: Path) -> Path:
    return base.joinpath(*module.split(".")).with_suffix(".py")


def _run(name: str, file: Path) -> ModuleType:
    """The module that the content of `file` is.

    Not by Python's import: that takes a file of the same size and second for the one that it has compiled before.
    """
    loaded = ModuleType(name)
    loaded.__file__ = str(file)
    sys.modules[name] = loaded  # dataclasses look for their module there
    exec(compile(file.read_bytes(), file, "exec", dont_inherit=True), loaded.__dict__)
    return loaded


def _checked(name: str, function: Callable[[str, Mapping[str, Any]], object]) -> Function:
    """`function` with what it raises, and what it should not return, turned into one line that names the document."""

    def call(text: str, document: Mapping[str, Any]) -> Result:
        try:
            result = function(text, document)
        except Exception as error:
            raise ValueError(f"{name} failed on document {document['id']}: {_said(error)}") from error
        if isinstance(result, bool) or not (result is None or isinstance(result, str | int | float)):
            kind = type(result).__name__
            raise ValueError(
                f"{name} returned {kind} for document {document['id']}; allowed are None, a reason (str) or a number"
            )
        if isinstance(result, int | float) and not math.isfinite(result):
            raise ValueError(f"{name} returned {result} for document {document['id']}, which is no score")
        return float(result) if isinstance(result, int) else result

    return call


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:_MESSAGE_CHARACTERS]
