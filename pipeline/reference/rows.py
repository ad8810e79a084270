"""The fields of the recipe as rows, for those who look one up: everything is read off the models of the recipe."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import to_jsonable_python

from data.section import needs_of
from pipeline.recipe.expected import expected
from pipeline.recipe.fields import Affects, affects, documented, models_in
from pipeline.recipe.needs import needed
from pipeline.recipe.recipe import Recipe, did_you_mean
from pipeline.stages.line import STAGES


@dataclass(frozen=True)
class Row:
    """A field of the recipe; a section is a field of the one that it is in."""

    name: str
    """The dotted name, as in overrides. For an item of a list it has no number."""
    meaning: str
    type: str
    """What values it takes, in words."""
    default: str
    """The default as JSON, or `required`. `{}` is a section with the defaults of its fields."""
    unit: str
    source: str
    """Where the number or the formula comes from, such as a paper."""
    needs: str
    """What has to be set beside it so that it does anything, such as `optimizer: muon`; mostly nothing."""
    affects: Affects
    rebuilds: tuple[str, ...]
    """The stages that a change builds again, if the recipe has them."""


def field_rows() -> list[Row]:
    """All fields of the recipe in its order, a section before what is in it."""
    return list(_rows_of(Recipe, "", "", "output"))


def find_rows(rows: Sequence[Row], asked: str) -> list[Row]:
    """The rows of a section or a field, by its dotted name; else those with a word in their names or meanings.

    Raises ValueError when there are none.
    """
    section = [row for row in rows if row.name == asked or row.name.startswith(f"{asked}.")]
    word = asked.lower()
    found = section or [row for row in rows if word in row.name.lower() or word in row.meaning.lower()]
    if not found:
        hint = did_you_mean(asked, {name for row in rows for name in (row.name, *row.name.split("."))})
        hint = hint if hint.startswith("; did") else "; `gristmill fields` lists all"
        raise ValueError(f"no field of a recipe has {asked!r} in its name or its meaning{hint}")
    return found


def rebuilt_after(stage: str) -> tuple[str, ...]:
    """The stage and those that take from what it gives, themselves or through others, in the order of the line.

    What is no stage rebuilds none.
    """
    found: list[str] = []
    given: set[str] = set()
    for each in STAGES:
        if each.name == stage or given.intersection(taken.role for taken in each.inputs):
            found.append(each.name)
            given.add(each.gives)
    return tuple(found)


def _rows_of(section: type[BaseModel], prefix: str, source: str, outer: Affects) -> Iterator[Row]:
    """The rows of a section. Its source is that of a field that names none, and so is what it affects, if not the output."""
    source = documented(section.__doc__).source or source
    for name, field in section.model_fields.items():
        words = documented(field.description)
        own = affects(field) if outer == "output" else outer
        yield Row(
            name=prefix + name,
            meaning=words.meaning,
            type=expected(field.annotation, field.metadata),
            default=_default(field),
            unit=words.unit,
            source=words.source or source,
            needs=" or ".join(needed(other, values) for other, values in needs_of(section).get(name, {}).items()),
            affects=own,
            rebuilds=rebuilt_after((prefix + name).partition(".")[0]) if own == "output" else (),
        )
        for inner in dict.fromkeys(models_in(field.annotation)):
            if inner.model_fields.keys() <= section.model_fields.keys():
                continue  # Its fields are those of the section itself once more.
            yield from _rows_of(inner, f"{prefix}{name}.", source, own)


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return json.dumps({} if isinstance(value, BaseModel) else to_jsonable_python(value), ensure_ascii=False)
