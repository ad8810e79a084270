"""Rules as data: what is measured, between which limits it has to lie, and why a filter turns a document away."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pydantic import BaseModel


class Rejection(NamedTuple):
    """A rule's name within its family, and what was measured against which limit."""

    rule: str
    detail: str


class Rule(NamedTuple):
    """The fields of a family's config that hold the least and the most that a rule allows, or that switch it on."""

    least: str | None = None
    most: str | None = None
    switch: str | None = None


# The least and the most by rule, in the order in which a family checks them; a rule that is off is not among them.
Limits = Mapping[str, tuple[float | None, float | None]]


def limits_of(rules: Mapping[str, Rule], config: BaseModel) -> Limits:
    """The limits that `config` sets; a rule all of whose fields are null is off."""

    def limit(field: str | None) -> float | None:
        return getattr(config, field) if field else None

    limits = {name: (limit(rule.least), limit(rule.most)) for name, rule in rules.items()}
    return {name: both for name, both in limits.items() if both != (None, None)}


def first_broken(measures: Iterable[tuple[str, float]], limits: Limits) -> Rejection | None:
    """The first of `measures` (rule and value) that lies outside of its limits; none is taken after it."""
    for rule, value in measures:
        least, most = limits.get(rule, (None, None))
        if least is not None and value < least:
            return below(rule, value, least)
        if most is not None and value > most:
            return above(rule, value, most)
    return None


def above(rule: str, value: float, limit: float) -> Rejection:
    """`value` is more than `rule` allows."""
    return Rejection(rule, f"{value:.4g} > {limit:g}")


def below(rule: str, value: float, limit: float) -> Rejection:
    """`value` is less than `rule` asks for."""
    return Rejection(rule, f"{value:.4g} < {limit:g}")
