"""Settings that do nothing beside the others: each config model has a table of what its fields need (`data.section.Needs`)."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from data.section import is_at_work, needs_of
from pipeline.recipe.mistakes import Mistake
from pipeline.recipe.mistakes import shown as as_written
from pipeline.recipe.written import Location

SHOWN = 6  # values of a field that a message names


def unmet_needs(section: BaseModel, location: Location = ()) -> list[Mistake]:
    """A mistake for each field that differs from its default although none of the fields that it needs is set so."""
    found = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        is_set = value != field.get_default(call_default_factory=True)
        if is_set and not is_at_work(section, name):
            found.append(Mistake((*location, name), _words(section, needs_of(section)[name])))
            continue
        for inner, place in _sections(value, (*location, name)):
            found += unmet_needs(inner, place)
    return found


def _sections(value: Any, location: Location) -> Iterator[tuple[BaseModel, Location]]:
    if isinstance(value, BaseModel):
        yield value, location
    items = enumerate(value) if isinstance(value, list | tuple) else value.items() if isinstance(value, dict) else ()
    for name, item in items:
        yield from _sections(item, (*location, name))


def _words(section: BaseModel, needs: Mapping[str, tuple[Any, ...]]) -> str:
    ways = [needed(name, values) for name, values in needs.items()]
    there = [f"{name}: {_set(getattr(section, name))}" for name in needs]
    return f"does nothing with {', '.join(there)}; it needs {' or '.join(ways)}, so set that or leave this out"


def needed(name: str, values: tuple[Any, ...]) -> str:
    """What a field needs, in words: another field, with one of these values, or with any that is not off when there are none."""
    shown = map(_set, values if len(values) <= SHOWN else values[:1])
    more = f" or another such as {_set(values[1])}" if len(values) > SHOWN else ""
    return f"{name}: {' or '.join(shown)}{more}" if values else name


def _set(value: Any) -> str:
    if isinstance(value, frozenset | tuple):
        return ", ".join(sorted(map(str, value))) or "[]"
    return value if isinstance(value, str) else as_written(value)
