"""What a field of a recipe may be, in plain words made from its annotation."""

import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from data.clean.custom import FUNCTION

# Patterns of texts in words; a test sees to it that each pattern of the recipe is among them.
PATTERNS = {
    FUNCTION: "MODULE:FUNCTION, as in `rules:short`",
    r"^[a-z0-9_-]+$": "small letters a to z, digits, _ and - only",
    r"^[A-Za-z0-9_-]+$": "letters a to z, digits, _ and - only",
    r"^[A-Za-z][A-Za-z0-9_-]*$": "letters a to z, digits, _ and - only, the first a letter",
    r"^[A-Za-z0-9._-]+$": "letters a to z, digits, dot, _ and - only",
    r"^[A-Za-z0-9][A-Za-z0-9._-]*$": "letters a to z, digits, dot, _ and - only, the first a letter or digit",
    r"^[<\[{][A-Za-z]+(?:[ _][A-Za-z]+)*[>\]}]$": "words in brackets, as in `<EMAIL>`",
}
PLURAL = {"a text": "texts", "a whole number": "whole numbers", "a number": "numbers", "any value": "values"}


def kinds_of(annotation: Any) -> list[Any]:
    """The members of a union, without null; of anything else a list with it alone."""
    kind = _bare(annotation)
    if get_origin(kind) in (Union, types.UnionType):
        return [found for member in get_args(kind) if member is not type(None) for found in kinds_of(member)]
    return [annotation]


def is_nullable(annotation: Any) -> bool:
    """Whether null is one of the values."""
    kind = _bare(annotation)
    return get_origin(kind) in (Union, types.UnionType) and type(None) in get_args(kind)


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The config model that an annotation is; None when it is something else."""
    kind = _bare(annotation)
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def item_of(annotation: Any) -> Any | None:
    """The annotation of the items of a list; None when it is something else."""
    kind = _bare(annotation)
    return get_args(kind)[0] if get_origin(kind) in (list, tuple, Sequence) else None


def value_of(annotation: Any) -> Any | None:
    """The annotation of the values of a mapping whose names are free; None when it is something else."""
    kind = _bare(annotation)
    return get_args(kind)[1] if get_origin(kind) in (dict, Mapping) else None


def expected(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """What a value of this annotation is, as the end of the sentence "it must be ..."; `metadata` has its bounds."""
    metadata = [*metadata, *_metadata(annotation)]
    kinds = kinds_of(annotation)
    options = [word for kind in kinds if get_origin(_bare(kind)) is Literal for word in get_args(_bare(kind))]
    words = [_one(kind, metadata) for kind in kinds if get_origin(_bare(kind)) is not Literal]
    if options:
        shown = ", ".join(map(str, options))
        words.append(shown if len(options) == 1 else f"one of {shown}")
    return " or ".join(dict.fromkeys([*words, *(["null"] if is_nullable(annotation) else [])]))


def _one(annotation: Any, metadata: list[Any]) -> str:
    kind = _bare(annotation)
    bounds = _bounds([*metadata, *_metadata(annotation)])
    if kind is bool:
        return "true or false"
    if kind in (int, float):
        return ("a whole number" if kind is int else "a number") + _range(bounds, whole=kind is int)
    if kind is str:
        return _text(bounds)
    if model := model_of(annotation):
        return f"a section with fields ({', '.join(list(model.model_fields)[:3])}{', ...' * (len(model.model_fields) > 3)})"
    if item := item_of(annotation):
        inner = expected(item)
        least = " with at least one item" if bounds.get("min_length") else ""
        return f"a list{least} of {PLURAL[inner]}" if inner in PLURAL else f"a list{least}, each item {inner}"
    if value := value_of(annotation):
        return f"a section of names, each with {expected(value)}"
    return "any value"


def _bare(annotation: Any) -> Any:
    """The annotation without `Annotated` around it."""
    return _bare(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def _metadata(annotation: Any) -> list[Any]:
    if get_origin(annotation) is not Annotated:
        return []
    found = [
        part for each in get_args(annotation)[1:] for part in (each.metadata if isinstance(each, FieldInfo) else [each])
    ]
    return [*_metadata(get_args(annotation)[0]), *found]


def _bounds(metadata: Iterable[Any]) -> dict[str, Any]:
    names = ("gt", "ge", "lt", "le", "min_length", "max_length", "pattern")
    return {name: value for each in metadata for name in names if (value := getattr(each, name, None)) is not None}


def _range(bounds: Mapping[str, Any], whole: bool) -> str:
    most = bounds.get("le")
    if whole and "lt" in bounds:
        most = bounds["lt"] - 1
    if "ge" in bounds and most is not None:
        return f" from {bounds['ge']} to {most:,}"
    words = [f"greater than {bounds['gt']}"] if "gt" in bounds else []
    words += [f"not less than {bounds['ge']}"] if "ge" in bounds else []
    words += [f"less than {bounds['lt']}"] if "lt" in bounds and not whole else []
    words += [f"not greater than {most:,}"] if most is not None else []
    return f" {' and '.join(words)}" if words else ""


def _text(bounds: Mapping[str, Any]) -> str:
    if bounds.get("min_length") == bounds.get("max_length") == 1:
        return "a single character"
    words = [f"at most {bounds['max_length']} characters"] if "max_length" in bounds else []
    if "pattern" in bounds:
        words.append(PATTERNS.get(bounds["pattern"], f"a text that matches {bounds['pattern']}"))
    return f"a text ({', '.join(words)})" if words else "a text"
