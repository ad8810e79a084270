"""A section of a recipe: what every config model of `data` has in common."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, create_model

Model = TypeVar("Model", bound=BaseModel)

# Which fields do nothing by themselves: for each the fields beside it, of which one has to have one of the values given here.
# Without values any will do that is not null, false, 0 or empty. `pipeline.recipe.needs` refuses a recipe where none has.
Needs: TypeAlias = Mapping[str, Mapping[str, tuple[Any, ...]]]
ANY: tuple[Any, ...] = ()


class Section(BaseModel):
    """Fields of a recipe. A field that nobody knows is a mistake, and a section never changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def needs_of(section: BaseModel | type[BaseModel]) -> Needs:
    """The table of a section or of its config model, also of another package's; empty when it has none."""
    needs: Needs = getattr(section, "needs", {})
    return needs


def is_at_work(section: BaseModel, field: str) -> bool:
    """Whether a field does something beside the others: it needs none of them, or one is set as it needs."""
    need = needs_of(section).get(field)
    return need is None or any(_has(getattr(section, name), values) for name, values in need.items())


def _has(found: Any, values: tuple[Any, ...]) -> bool:
    """Whether a field's value is one of `values`, or has one of them among its own; an empty frozenset may yet have any."""
    if not values:
        return bool(found)
    if isinstance(found, frozenset | tuple):
        return found == frozenset() or any(value in found for value in values)
    return found in values


def with_fields(fields: dict[str, tuple[Any, Any]]) -> Callable[[type[Model]], type[Model]]:
    """A class decorator: the config model with further fields, each given as its type and its default."""

    def extended(model: type[Model]) -> type[Model]:
        more: dict[str, Any] = fields
        return create_model(model.__name__, __base__=model, __module__=model.__module__, __doc__=model.__doc__, **more)

    return extended
