"""A section of a recipe: what every config model of `data` has in common."""

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, create_model

Model = TypeVar("Model", bound=BaseModel)


class Section(BaseModel):
    """Fields of a recipe. A field that nobody knows is a mistake, and a section never changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def with_fields(fields: dict[str, tuple[Any, Any]]) -> Callable[[type[Model]], type[Model]]:
    """A class decorator: the config model with further fields, each given as its type and its default."""

    def extended(model: type[Model]) -> type[Model]:
        more: dict[str, Any] = fields
        return create_model(model.__name__, __base__=model, __module__=model.__module__, __doc__=model.__doc__, **more)

    return extended
