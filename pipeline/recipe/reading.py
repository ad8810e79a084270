"""Reading recipes from files, with the changes of a command line, and saying which mistakes are in them."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pipeline.recipe.fields import models_in
from pipeline.recipe.recipe import Recipe, did_you_mean

MAX_RECIPE_BYTES = 1 << 20


class RecipeError(ValueError):
    """A recipe has mistakes; the message has one line for each."""


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe, with `key.path=value` overrides applied; raises RecipeError."""
    return check_recipe(with_overrides(read_yaml(path), overrides), str(path))


def check_code(recipe: Recipe, allowed: bool) -> None:
    """Raise RecipeError when the recipe names Python code and its user has not said `--allow-code`."""
    if recipe.functions and not allowed:
        raise RecipeError(
            f"the recipe names Python code that would be run ({', '.join(recipe.functions)}): read it, then add --allow-code"
        )


def read_yaml(path: Path) -> dict[str, Any]:
    """The recipe file as a mapping, laid over the recipe that it `extends`, if any; raises RecipeError that names the file."""
    value = _read_one(path)
    if "extends" not in value:
        return value
    name = value.pop("extends")
    if not isinstance(name, str) or Path(name).name != name:  # Paths in both are relative to one folder.
        raise RecipeError(f"{path}: extends: name a recipe in the same folder, not {name!r}")
    below = _read_one(path.with_name(name))
    if "extends" in below:
        raise RecipeError(f"{path}: extends: {name} extends another one itself; extend that")
    return _merged(below, value)


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `above` over `below`: sections are merged field by field, any other value is replaced as a whole."""
    merged = dict(below)
    for name, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(name), Mapping)
        merged[name] = _merged(merged[name], value) if both else value
    return merged


def _read_one(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_RECIPE_BYTES:
            raise RecipeError(f"{path}: larger than {MAX_RECIPE_BYTES:,} bytes, which no recipe is")
        text = path.read_text(encoding="utf-8")
        _refuse_traps(yaml.compose(text, Loader=yaml.SafeLoader), str(path))
        value = yaml.safe_load(text)
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read ({os.strerror(error.errno or 0)})") from error
    except RecipeError:
        raise
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # An impossible date or number gives ValueError.
        raise RecipeError(f"{path}: not valid YAML: {' '.join(str(error).split())}"[:500]) from error
    if not isinstance(value, dict):
        raise RecipeError(f"{path}: a recipe is a mapping of sections, this is {type(value).__name__}")
    return value


def _refuse_traps(node: yaml.Node | None, where: str, seen: set[int] | None = None) -> None:
    """Raise RecipeError for aliases, a few of which can stand for gigabytes, and for keys that stand twice in a section."""
    seen = set() if seen is None else seen
    if id(node) in seen:
        raise RecipeError(f"{where}: YAML aliases (*name) are not read; write the value out")
    seen.add(id(node))
    children = list(node.value) if isinstance(node, yaml.SequenceNode) else []
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for key, value in node.value:
            if keys.count(key.value) > 1:
                raise RecipeError(f"{where}: {key.value} stands twice in the same section; keep one")
            children.append(value)
    for child in children:
        _refuse_traps(child, where, seen)


def with_overrides(recipe: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """The recipe with each `key.path=value` set, the value read as YAML; raises RecipeError."""
    changed = yaml.safe_load(yaml.safe_dump(dict(recipe)))
    for override in overrides:
        key, sign, text = override.partition("=")
        if not sign or not key:
            raise RecipeError(f"{override!r} is not an override: write key.path=value")
        try:
            value = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise RecipeError(f"{override!r}: the value is not valid YAML") from error
        _set(changed, key.split("."), value, override)
    return changed


def _set(tree: Any, keys: list[str], value: Any, override: str) -> None:
    for before, key in zip(["the recipe", *keys], keys[:-1], strict=False):
        if isinstance(tree, list):
            tree = tree[_index(tree, key, override)]
            continue
        if not isinstance(tree, dict):
            raise RecipeError(f"{override!r}: {before} is a value, not a section")
        if tree.get(key) is None:
            tree[key] = {}
        tree = tree[key]
        if not isinstance(tree, dict | list):
            raise RecipeError(f"{override!r}: {key} is a value, not a section")
    if isinstance(tree, list):
        tree[_index(tree, keys[-1], override)] = value
    elif not isinstance(tree, dict):
        raise RecipeError(f"{override!r}: {keys[-2]} is a value, not a section")
    else:
        tree[keys[-1]] = value


def with_value(recipe: Mapping[str, Any], field: str, value: Any) -> dict[str, Any]:
    """The recipe with the field that a dotted name leads to set to `value`; raises RecipeError when it leads nowhere."""
    changed = yaml.safe_load(yaml.safe_dump(dict(recipe)))
    _set(changed, field.split("."), value, field)
    return changed


def _index(items: list[Any], key: str, override: str) -> int:
    if not (key.isascii() and key.isdigit()) or int(key) >= len(items):
        raise RecipeError(f"{override!r}: {key} is not the number of an item, there are {len(items)}")
    return int(key)


def check_recipe(values: Mapping[str, Any], where: str) -> Recipe:
    """Check the values of a recipe; raises RecipeError with a line for each mistake, which begins with `where`."""
    try:
        recipe = Recipe.model_validate(values)
        # It is read once more from its own dump, so that a default of 3 for a float becomes 3.0, as a written 3 does.
        return Recipe.model_validate(recipe.model_dump(mode="json"))
    except ValidationError as error:
        raise RecipeError("\n".join(f"{where}: {_line(item, values)}" for item in error.errors())) from error


def _line(error: Any, values: Mapping[str, Any]) -> str:
    place = ".".join(str(part) for part in _as_written(error["loc"], values))
    if error["type"] == "extra_forbidden":
        return f"{place}: there is no such field{did_you_mean(str(error['loc'][-1]), _fields_at(error['loc'][:-1]))}"
    if error["type"] == "missing":
        return f"{place}: this field is required"
    if error["type"] == "value_error":
        message = str(error["ctx"]["error"])
        return f"{place}: {message}" if place else message
    return f"{place}: {error['msg']}, not {error['input']!r}"[:500]


def _as_written(location: Sequence[Any], values: Any) -> list[Any]:
    """A location as the recipe has it: a section that may be a list has no number where it stands alone."""
    found: list[Any] = []
    for part in location:
        if str(part).startswith("function-") or (isinstance(part, int) and isinstance(values, Mapping)):
            continue
        found.append(part)
        inside = isinstance(values, Mapping) and part in values
        listed = isinstance(values, list) and isinstance(part, int) and part < len(values)
        values = values[part] if inside or listed else None
    return found


def _fields_at(location: Sequence[Any]) -> set[str]:
    """The names of the fields of the section at a location in the recipe."""
    models = [Recipe]
    for part in location:
        if isinstance(part, int):
            continue
        models = [
            found
            for model in models
            if part in model.model_fields
            for found in models_in(model.model_fields[part].annotation)
        ] or models
    return {name for model in models for name in model.model_fields}


def to_yaml(recipe: Recipe) -> str:
    """The recipe as YAML text, with every default written out."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=120)
