"""Why a filter turns a document away, as data."""

from typing import NamedTuple


class Rejection(NamedTuple):
    """A rule's name within its family, and what was measured against which limit."""

    rule: str
    detail: str


def above(rule: str, value: float, limit: float) -> Rejection:
    """`value` is more than `rule` allows."""
    return Rejection(rule, f"{value:.4g} > {limit:g}")


def below(rule: str, value: float, limit: float) -> Rejection:
    """`value` is less than `rule` asks for."""
    return Rejection(rule, f"{value:.4g} < {limit:g}")
