"""What a family of rules says of itself: the chain, the annotations and `gristmill inspect` need to know no more of it."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from data.clean.filters.rejection import Rejection, Rule
from data.section import Section

Cut = Callable[[str], tuple[str, Rejection | None, Counter[str]]]


@dataclass(frozen=True)
class Family:
    """A family of rules: it either measures a text, or cuts lines out of it."""

    name: str  # of its section in a recipe, and of its rules before the dot
    title: str  # what the rules are called in the description of the recipe
    config: type[Section]  # a section without fields takes the published limits
    rules: Mapping[str, Rule]  # in the order in which they are checked
    measures: Callable[..., Iterator[tuple[str, float]]] | None = None
    """Takes a text, its words, a config and, if only some decisions are asked for, limits; gives rules and their values."""
    cutter: Callable[[Any, str], Cut] | None = None
    """Takes a config and the name of a single rule or ""; gives what cuts a text (what is left, why it is rejected, the lines
    dropped by rule)."""
    deciding: tuple[str, ...] = ()  # fields that decide what is measured; all others decide what is allowed
    english: Mapping[str, str] = field(default_factory=dict)
    """The rules that are made for English while a field has its default, each with that field: they are off for documents that
    are known to be in another language."""
