"""A section of a recipe: what every config model of `pipeline` has in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """Fields of a recipe. An unknown field is a mistake, and values do not change once read.

    `pipeline.recipe.fields` says how a field is documented, and marked for what it affects.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
