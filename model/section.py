"""What all config models of this package have in common."""

from collections.abc import Mapping
from typing import Any, TypeAlias

from pydantic import BaseModel, ConfigDict

# Which fields do nothing by themselves: for each the fields beside it, of which one has to have one of the values given here.
# Without values any will do that is not null, false, 0 or empty. `pipeline.recipe.needs` refuses a recipe where none has.
Needs: TypeAlias = Mapping[str, Mapping[str, tuple[Any, ...]]]
ANY: tuple[Any, ...] = ()


class Section(BaseModel):
    """A section of a recipe or of a file: unknown fields are refused, and it is never changed once it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
