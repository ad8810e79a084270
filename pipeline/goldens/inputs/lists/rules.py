"""Rules of a user's own, as a recipe names them."""

from collections.abc import Mapping
from typing import Any


def ends_well(text: str, document: Mapping[str, Any]) -> str | None:
    """A reason to turn a document away, or None."""
    return None if text.rstrip().endswith((".", "!")) else "ends without a full stop"


def vowels(text: str, document: Mapping[str, Any]) -> float:
    """A score: the share of vowels."""
    return sum(map(text.lower().count, "aeiou")) / len(text)
