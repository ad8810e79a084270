"""A section of a recipe: what every config model of `data` has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Fields of a recipe. A field that nobody knows is a mistake, and a section never changes once it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True)
