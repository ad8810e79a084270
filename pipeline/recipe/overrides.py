"""The changes of a command line: `key.path=value` set in a recipe."""

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from pipeline.recipe.written import Location, RecipeError, Written, forget, read_text


def overridden(written: Written, overrides: Iterable[str]) -> Written:
    """The recipe with each `key.path=value` set, the value read as YAML; raises RecipeError.

    An item of a list is addressed by its number, from 0, or by its `name`.
    """
    values, places = copy.deepcopy(written.values), dict(written.places)
    for override in overrides:
        key, sign, text = override.partition("=")
        if not sign or not key:
            raise RecipeError(f"{override!r} is not an override: write key.path=value")
        try:
            value, inner = read_text(text, repr(override))
        except RecipeError as error:
            raise RecipeError(str(error).replace(f"{override!r}:1:", f"{override!r}:")) from error
        location = _set(values, key.split("."), value, override)
        forget(places, location)
        places = {location[:length]: repr(override) for length in range(1, len(location))} | places
        places |= {(*location, *below): repr(override) for below in inner or {(): ""}}
    return Written(values, places)


def with_value(recipe: Mapping[str, Any], field: str, value: Any) -> dict[str, Any]:
    """The recipe with the field that a dotted name leads to set to `value`; raises RecipeError when it leads nowhere."""
    changed = copy.deepcopy(dict(recipe))
    _set(changed, field.split("."), value, field)
    return changed


def _set(tree: Any, keys: list[str], value: Any, override: str) -> Location:
    """Set a value in a tree of sections and lists; gives its location."""
    location: list[Any] = []
    here: Any
    for before, key in zip(["the recipe", *keys], keys, strict=False):
        if not isinstance(tree, dict | list):
            raise RecipeError(f"{override!r}: {before} is a value, not a section")
        here = _index(tree, key, override) if isinstance(tree, list) else key
        location.append(here)
        if len(location) == len(keys):
            tree[here] = value
            break
        if isinstance(tree, dict) and tree.get(here) is None:
            tree[here] = {}
        tree = tree[here]
    return tuple(location)


def _index(items: list[Any], key: str, override: str) -> int:
    named = [number for number, item in enumerate(items) if isinstance(item, dict) and item.get("name") == key]
    if named:
        return named[0]
    if key.isascii() and key.isdigit() and int(key) < len(items):
        return int(key)
    names = [str(item["name"]) for item in items if isinstance(item, dict) and "name" in item]
    known = f" (named {', '.join(names)})" if names else ""
    raise RecipeError(
        f"{override!r}: {key} is neither the number nor the name of an item, there are {len(items)}{known}"
    )
