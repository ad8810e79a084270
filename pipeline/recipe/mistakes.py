"""The mistakes in a recipe's values, each as one line with its place: what pydantic found, told in plain words."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from pipeline.recipe.expected import expected, is_nullable, item_of, kinds_of, model_of, value_of
from pipeline.recipe.recipe import Recipe, did_you_mean
from pipeline.recipe.written import Location, Places

UNKNOWN = object()  # The value of a location that pydantic tells of and that is not written.


class Mistake(NamedTuple):
    """Where a mistake is, and what is wrong there."""

    location: Location
    words: str


class _Spot(NamedTuple):
    """What the models say of a location: its annotation and, where it is a field of a section, that field."""

    location: Location
    annotation: Any
    field: FieldInfo | None = None


def lines(mistakes: Sequence[Mistake], values: Mapping[str, Any], where: str, places: Places) -> list[str]:
    """A line for each mistake: the place in the file, the field's dotted name, and what is wrong.

    A mistake in a section or list that has another within it is left out: it follows from that one.
    """
    return [
        ": ".join(filter(None, (_place(mistake, where, places), _name(mistake.location, values), mistake.words)))
        for mistake in dict.fromkeys(mistakes)
        if not any(_is_below(other.location, mistake.location) for other in mistakes)
    ]


def in_section(recipe: Recipe, section: str, words: str) -> str:
    """The line for a mistake in a section that is found when the recipe is planned: its place in the file, and the words.

    `section` is the name by which the run calls it. The place is that of the value, or else of the field, that the words name.
    """
    values = recipe.model_dump(mode="json")
    location = _location(values, section)
    named = [
        (len(str(value)), *location, *below)
        for below, value in _plain_values(_value_at(values, location), ())
        if value and isinstance(value, str) and value in words
    ]
    if named:
        location = max(named, key=lambda found: found[0])[1:]
    elif location not in recipe.places:
        location = ()  # The section is one that every recipe has; the words name another that is written.
    return ": ".join(filter(None, (_place(Mistake(location, words), "", recipe.places), words)))


def found_by_pydantic(error: ValidationError, values: Mapping[str, Any]) -> list[Mistake]:
    """The mistakes that an error tells of."""
    spots = [(item, _spot(item["loc"], values, tags=True)) for item in error.errors()]
    return [Mistake(spot.location, _words(item, spot)) for item, spot in spots]


def taken_for_numbers(values: Mapping[str, Any]) -> list[Mistake]:
    """The values that pydantic would take for a number although they are none: true, false, infinite ones, and NaN."""
    return [
        Mistake(location, f"must be {_expected(spot)}, not {shown(value)}")
        for location, value in _plain_values(values, ())
        if (spot := _spot(location, values)).location == location and _is_no_number(value, spot.annotation)
    ]


def _is_no_number(value: Any, annotation: Any) -> bool:
    kinds = {getattr(kind, "__origin__", kind) for kind in kinds_of(annotation)}
    if isinstance(value, bool):
        return bool(kinds & {int, float}) and bool not in kinds
    return isinstance(value, float) and not math.isfinite(value)


def _plain_values(tree: Any, location: Location) -> Iterator[tuple[Location, Any]]:
    if isinstance(tree, Mapping | list):
        for name, value in tree.items() if isinstance(tree, Mapping) else enumerate(tree):
            yield from _plain_values(value, (*location, name))
    else:
        yield location, tree


def _location(values: Mapping[str, Any], section: str) -> Location:
    """Where a section stands: at its name, or in the list of those that have names of their own."""
    for stage in ("evaluate", "finetune"):
        for number, each in enumerate(values[stage] if isinstance(values[stage], list) else []):
            if each["name"] == section:
                return (stage, number)
    return (section,)


def _value_at(values: Any, location: Location) -> Any:
    for part in location:
        values = values[part]
    return values


def _is_below(location: Location, other: Location) -> bool:
    return len(location) > len(other) and location[: len(other)] == other


def _spot(loc: Sequence[Any], values: Any, tags: bool = False) -> _Spot:
    """What the models say of a location, as far as they know it.

    With `tags` it is one of pydantic's, in which the name of the member that was tried follows on each union.
    """
    spot, value, at_tag = _Spot((), Recipe), values, False
    for part in loc:
        spot = spot._replace(annotation=_alone(spot.annotation, isinstance(value, Mapping)))
        if isinstance(part, int) and isinstance(value, Mapping):
            continue  # To pydantic a section that stands alone is the first of a list.
        kinds = kinds_of(spot.annotation)
        kind = next((kind for kind in kinds if _has_shape(kind, value)), None)
        if tags and len(kinds) > 1 and not at_tag:
            at_tag = True
            if kind is None or _label(kind) not in str(part):
                break  # This error is of a member of another shape than the value.
            continue
        at_tag = False
        if kind is None or part == "[key]":
            break
        model, here = model_of(kind), (*spot.location, part)
        field = model.model_fields.get(part) if model else None
        spot = _Spot(here, field.annotation if field else item_of(kind) or value_of(kind), field)
        value = value[part] if _is_within(part, value) else UNKNOWN
    return spot


def _alone(annotation: Any, stands_alone: bool) -> Any:
    """The annotation of a section that stands alone where a list of such sections may be written; else the one given."""
    item = item_of(annotation)
    return item if stands_alone and item and model_of(item) else annotation


def _has_shape(kind: Any, value: Any) -> bool:
    """Whether a value is a section, a list or a plain value as `kind` asks for, or is not known."""
    if value is UNKNOWN:
        return True
    if model_of(kind) or value_of(kind):
        return isinstance(value, Mapping)
    return isinstance(value, list) if item_of(kind) else not isinstance(value, Mapping | list)


def _is_within(part: Any, value: Any) -> bool:
    return (isinstance(value, Mapping) and part in value) or (
        isinstance(value, list) and isinstance(part, int) and part < len(value)
    )


def _label(kind: Any) -> str:
    model = model_of(kind)
    return model.__name__ if model else "list" if item_of(kind) else "dict" if value_of(kind) else "str"


def _words(error: Any, spot: _Spot) -> str:
    kind, value = error["type"], error["input"]
    if kind == "extra_forbidden":
        return f"there is no such field{did_you_mean(str(spot.location[-1]), _fields_above(spot.location))}"
    if kind == "missing":
        return f"this field is required; it is {_expected(spot)}"
    if kind in ("value_error", "assertion_error"):
        return str(error["ctx"]["error"])
    if kind == "invalid_key" or "[key]" in error["loc"]:
        return f"the name {shown(value)} in it is no text; put it in quotes"
    return f"must be {_expected(spot)}, not {shown(value)}{_remedy(spot, value)}"


def _expected(spot: _Spot) -> str:
    return expected(spot.annotation, spot.field.metadata if spot.field else ())


def _remedy(spot: _Spot, value: Any) -> str:
    """What to write instead, where that can be said, as the end of the sentence."""
    kinds = kinds_of(spot.annotation)
    model = next((found for kind in kinds if (found := model_of(kind))), None)
    options = [option for kind in kinds for option in getattr(kind, "__args__", ()) if isinstance(option, str)]
    if model:
        return _instead_of_a_section(spot, model)
    if value is None and spot.field and not spot.field.is_required():
        return "; leave it out to take the default"
    if isinstance(value, str) and options and (close := did_you_mean(value, options)).startswith("; did"):
        return close
    if isinstance(value, str) and len(kinds) == 1 and item_of(kinds[0]):
        return f"; write [{value}]"
    if str in kinds and isinstance(value, int | float):
        return f"; put it in quotes: '{shown(value)}'"
    return ""


def _instead_of_a_section(spot: _Spot, model: type[BaseModel]) -> str:
    name = spot.location[-1]
    if isinstance(name, int):
        return ""
    ways = [f"`{name}: null` leaves it out"] if is_nullable(spot.annotation) else []
    if not any(field.is_required() for field in model.model_fields.values()):
        ways.append(f"`{name}: {{}}` takes its defaults")
    return f"; {', '.join(ways)}" if ways else ""


def _fields_above(location: Location) -> set[str]:
    """The names of the fields of the section in which a location is."""
    annotation: Any = Recipe
    for part in location[:-1]:
        annotation = _alone(annotation, isinstance(part, str))
        kinds = kinds_of(annotation)
        model = next((found for kind in kinds if (found := model_of(kind))), None)
        if model and part in model.model_fields:
            annotation = model.model_fields[part].annotation
        else:
            annotation = next((found for kind in kinds if (found := item_of(kind) or value_of(kind))), annotation)
    annotation = _alone(annotation, isinstance(location[-1], str))
    return {name for kind in kinds_of(annotation) if (model := model_of(kind)) for name in model.model_fields}


def shown(value: Any) -> str:
    """A value as one writes it in YAML, shortened."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return f"a section ({', '.join(map(str, list(value)[:3]))}{', ...' * (len(value) > 3)})" if value else "{}"
    text = (
        f"[{', '.join(map(shown, value[:3]))}{', ...' * (len(value) > 3)}]" if isinstance(value, list) else repr(value)
    )
    return text if len(text) <= 60 else f"{text[:57]}..."


def _place(mistake: Mistake, where: str, places: Places) -> str:
    """The place of the first field that the mistake's words name and that is written, else of what leads to it."""
    location = mistake.location
    for word in re.findall(r"[A-Za-z_]\w*(?:\.\w+)*", mistake.words):
        if (named := (*location, *word.split("."))) in places and not mistake.words.startswith("must be"):
            return places[named]
    if location not in places and (above := (*location[:-2], *location[-1:])) in places:
        return places[above]  # Fields of a source's `csv` and other sections stood beside them once.
    for length in range(len(location), -1, -1):
        if location[:length] in places:
            return places[location[:length]]
    return where


def _name(location: Location, values: Any) -> str:
    """The dotted name of a location; an item of a list is called by its name where it has one, else by its number."""
    parts = []
    for part in location:
        values = values[part] if _is_within(part, values) else None
        name = values.get("name") if isinstance(part, int) and isinstance(values, Mapping) else None
        parts.append(name if isinstance(name, str) and name else str(part))
    return ".".join(parts)
