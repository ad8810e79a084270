"""What all config models of this package have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of a recipe or of a file: unknown fields are refused, and it is never changed once it is made."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
