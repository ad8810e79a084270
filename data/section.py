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


def with_fields(fields: dict[str, tuple[Any, Any]]) -> Callable[[type[Model]], type[Model]]:
    """A class decorator: the config model with further fields, each given as its type and its default."""

    def extended(model: type[Model]) -> type[Model]:
        more: dict[str, Any] = fields
        return create_model(model.__name__, __base__=model, __module__=model.__module__, __doc__=model.__doc__, **more)

    return extended
