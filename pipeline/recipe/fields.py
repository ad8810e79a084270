"""What the fields of a recipe affect, and which of them enter the name of what a stage makes.

A field is marked for what it affects by a word in its annotation: `Annotated[int, "speed"]` or `"display"`; an unmarked field
affects the output. A field that was added after others had built artifacts without it has a founding value, what the code did
before the field existed: `Field(False, json_schema_extra={"founding": False})`. A field equal to it stays out of names, so
that a new option trains nobody's network again.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def output_fields(config: BaseModel) -> dict[str, Any]:
    """The fields of a section that change its stage's output, as JSON values, those of inner sections included."""
    return {
        name: _json(getattr(config, name)) for name, field in type(config).model_fields.items() if affects_output(field)
    }


def affects_output(field: FieldInfo) -> bool:
    """Whether a field is neither marked as one of speed nor of display."""
    return not {"speed", "display"}.intersection(word for word in field.metadata if isinstance(word, str))


def named_fields(section: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Of a section's output fields those that enter a name: the ones that differ from their founding value.

    `values` may be those of an older release, from a manifest: a field that was marked since stays out as well.
    """
    fields = section.model_fields
    return {
        name: _named(fields[name].annotation, value) if name in fields else value
        for name, value in values.items()
        if name not in fields or (affects_output(fields[name]) and not _is_founding(fields[name], value))
    }


def has_founding(field: FieldInfo) -> bool:
    """Whether a field was added after artifacts had been built without it."""
    return isinstance(field.json_schema_extra, dict) and "founding" in field.json_schema_extra


def models_in(annotation: Any) -> list[Any]:
    """The config models that an annotation mentions, as in `list[SourceConfig] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in getattr(annotation, "__args__", ()) for model in models_in(argument)]


def _is_founding(field: FieldInfo, value: Any) -> bool:
    extra = field.json_schema_extra
    return isinstance(extra, dict) and "founding" in extra and extra["founding"] == value


def _named(annotation: Any, value: Any) -> Any:
    if isinstance(value, list):
        return [_named(annotation, item) for item in value]
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
