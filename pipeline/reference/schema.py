"""A JSON Schema of the recipe, made from its models, so that editors complete and check a recipe while it is written."""

from typing import Any

from pydantic import BaseModel

from pipeline.recipe.fields import affects, is_flat, models_in
from pipeline.recipe.recipe import Recipe

DRAFT = "https://json-schema.org/draft/2020-12/schema"
EXTENDS = {"type": "string", "description": "A recipe in the same folder that this one is laid over, field by field."}


def editor_schema() -> dict[str, Any]:
    """The schema for editors. Unlike `Recipe` it lets fields be missing, except in lists: a recipe may extend another."""
    schema = recipe_schema()
    for model in config_models():
        definition(schema, model)["properties"] |= _fields_beside(schema, model)
    optional = {
        entry["$ref"] for entry in _entries(schema) for entry in [entry, *entry.get("anyOf", [])] if "$ref" in entry
    }
    for part in (schema, *(schema["$defs"][reference.rpartition("/")[2]] for reference in optional)):
        part.pop("required", None)
    schema["properties"] = {"extends": EXTENDS, **schema["properties"]}
    return {"$schema": DRAFT, "title": "A recipe of Gristmill", **schema}


def recipe_schema() -> dict[str, Any]:
    """The schema of `Recipe`, in which each field has `x-affects` beside its description: output, speed or display."""
    schema = Recipe.model_json_schema()
    for model in config_models():
        part = definition(schema, model)
        for name, field in model.model_fields.items():
            entry = part["properties"][name]
            entry.pop("title", None)
            entry.pop("founding", None)
            if isinstance(entry.get("default"), dict) and models_in(field.annotation):
                entry["default"] = {}  # A section's own defaults stand in its definition.
            entry["x-affects"] = affects(field)
            if field.description:
                entry["description"] = " ".join(field.description.split())
        part["description"] = " ".join(part["description"].split())
    del schema["title"]
    return schema


def definition(schema: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """The part of a schema that describes a section."""
    found: dict[str, Any] = schema if model is Recipe else schema["$defs"][model.__name__]
    return found


def config_models() -> list[type[BaseModel]]:
    """`Recipe` and the models of all sections in it, each once."""
    found: dict[type[BaseModel], None] = {}
    waiting: list[type[BaseModel]] = [Recipe]
    while waiting:
        model = waiting.pop(0)
        found[model] = None
        waiting += [inner for field in model.model_fields.values() for inner in models_in(field.annotation)]
    return list(found)


def _fields_beside(schema: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    """The fields of the flat sections in a section. Older recipes have them beside these sections, which is still read."""
    flat = [models_in(field.annotation)[0] for field in model.model_fields.values() if is_flat(field)]
    return {
        name: {**entry, "deprecated": True}
        for inner in flat
        for name, entry in definition(schema, inner)["properties"].items()
    }


def _entries(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """What the schema says of each field of each section."""
    return [entry for part in (schema, *schema["$defs"].values()) for entry in part["properties"].values()]
