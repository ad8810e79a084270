"""What the fields of a recipe mean and affect, and which of them enter the name of the artifact that a stage makes.

The docstring below a field says its meaning. It may end with the unit and with the source of the number or formula: "Longest
line. Unit: characters. Source: Raffel et al. 2020." A source in the docstring of a section is that of all fields in it which
name none.

A word in the annotation of a field marks what the field affects: `Annotated[int, "speed"]` or `"display"`. An unmarked field
affects the output. So does one marked "files", but by the files that it names: they enter names, their path does not. The fields
of a section that is marked "flat" enter names beside those of the section that it is in, where they stood before it was made.

A field that was added after artifacts had been built without it has a founding value, which stands for what the code did
before: `Field(False, json_schema_extra={"founding": False})`. A field with its founding value stays out of names, so that a new
option does not cause any network to be trained again.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipeline.recipe.expected import value_of

Affects: TypeAlias = Literal["output", "speed", "display"]
MARKS = ("speed", "display", "files")
_DOCSTRING = re.compile(r"(.*?)(?: Unit: (.*?)\.)?(?: Source: (.*)\.)?")


class Documented(NamedTuple):
    """What a docstring says of a field or a section; what it does not say is empty."""

    meaning: str
    unit: str
    source: str


def documented(docstring: str | None) -> Documented:
    """The parts of the docstring of a field or a section, each on one line."""
    match = _DOCSTRING.fullmatch(" ".join((docstring or "").split()))
    assert match
    return Documented(*match.groups(default=""))


def affects(field: FieldInfo) -> Affects:
    """What a field affects, by its mark. The marks of the sections that it is in count too, which only their reader knows."""
    marked = [word for word in field.metadata if word in ("speed", "display")]
    return marked[0] if marked else "output"


def output_fields(config: BaseModel) -> dict[str, Any]:
    """The fields of a section that affect its stage's output, as JSON values; inner sections are treated likewise."""
    found: dict[str, Any] = {}
    for name, field in type(config).model_fields.items():
        if affects_output(field):
            value = _json(getattr(config, name))
            found |= value if is_flat(field) else {name: value}
    return found


def affects_output(field: FieldInfo) -> bool:
    """Whether the value of a field affects the output: it has none of the marks."""
    return not any(word in MARKS for word in field.metadata)


def is_flat(field: FieldInfo) -> bool:
    """Whether the fields of the section that `field` holds enter names beside `field` instead of within it."""
    return "flat" in field.metadata


def fields_in_names(section: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a section by the names that they have in names of artifacts."""
    found: dict[str, FieldInfo] = {}
    for name, field in section.model_fields.items():
        found |= fields_in_names(models_in(field.annotation)[0]) if is_flat(field) else {name: field}
    return found


def named_fields(section: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `values` that enter a name: those that affect the output and differ from their founding value.

    `values` may come from the manifest of an older release. A field that was marked "speed" or "display" since then stays out,
    and one that this release does not know is kept.
    """
    fields = fields_in_names(section)
    return {
        name: _named(fields[name].annotation, value) if name in fields else value
        for name, value in values.items()
        if name not in fields or (affects_output(fields[name]) and not _is_founding(fields[name], value))
    }


def has_founding(field: FieldInfo) -> bool:
    """Whether a field has a founding value: it was added after artifacts had been built without it."""
    return isinstance(field.json_schema_extra, dict) and "founding" in field.json_schema_extra


def models_in(annotation: Any) -> list[Any]:
    """The config models in an annotation; those of `list[SourceConfig] | None` are `[SourceConfig]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in models_in(argument)]


def _is_founding(field: FieldInfo, value: Any) -> bool:
    extra = field.json_schema_extra
    return isinstance(extra, dict) and "founding" in extra and extra["founding"] == value


def _named(annotation: Any, value: Any) -> Any:
    if isinstance(value, list):
        return [_named(annotation, item) for item in value]
    if isinstance(value, dict) and (each := value_of(annotation)):
        return {name: _named(each, item) for name, item in value.items()}
    models = models_in(annotation)
    return named_fields(models[0], value) if isinstance(value, dict) and len(models) == 1 else value


def _json(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return output_fields(value)
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    return value
