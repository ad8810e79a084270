"""Identity: one digest for a value, whatever order it is written in, and none for what has no identity."""

import enum
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.identity import Identity, canonical, digest, library_versions

PLAIN = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=[]))
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


def typed(value: object) -> object:
    """A value with its types, for comparing: Python takes 1, 1.0 and True for equal."""
    if isinstance(value, dict):
        return "dict", frozenset((key, typed(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return "list", tuple(typed(item) for item in value)
    return type(value).__name__, value.hex() if isinstance(value, float) else value


@settings(max_examples=300, deadline=None)
@given(VALUES, VALUES)
def test_equal_values_have_equal_digests_and_different_ones_different(one: object, other: object) -> None:
    assert (digest(one) == digest(other)) == (typed(one) == typed(other))


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.text(), VALUES, min_size=2, max_size=5))
def test_the_order_of_keys_does_not_count(value: dict[str, object]) -> None:
    assert digest(dict(reversed(list(value.items())))) == digest(value)


def test_pairs_that_are_easily_confused() -> None:
    values = [
        None, False, True, 0, 1, 0.0, -0.0, 1.0, "", "1", "null", [], {}, [[]], [None], [1, 2], [2, 1], [[1], 2], [1, [2]],
        {"a": None}, {"a": {}}, {"a": 1, "b": 2}, {"a": 2, "b": 1}, {"float": "0x1.0p+0"}, {"float": (1.0).hex()},
        {"mapping": {}}, {"mapping": {"a": None}}, 0.1, 0.1 + 2**-56, 2**64, 2**64 + 1, "\u00e9", "e\u0301", "\ud83d\ude00", "😀",
    ]  # fmt: skip
    assert len({digest(value) for value in values}) == len(values)
    assert digest((1, (2, 3))) == digest([1, [2, 3]])


class Colour(enum.Enum):
    RED = 1


@pytest.mark.parametrize(
    "value",
    [
        {1, 2}, frozenset(), Path("a"), object(), print, lambda: 0, math.nan, math.inf, -math.inf, b"bytes", 1j,
        np.int64(1), np.zeros(2), Colour.RED, {1: "a"}, {None: 1}, {("a",): 1}, iter([1]), range(3),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_has_no_stable_identity_is_refused_at_any_depth(value: object) -> None:
    for nested in (value, [value], {"a": {"b": [value]}}, ({"a": value},)):
        with pytest.raises(TypeError, match="no stable identity"):
            digest(nested)
        with pytest.raises(TypeError, match="no stable identity"):
            canonical(nested)


def test_golden_digests() -> None:
    # A change here renames every artifact of every store: never by accident.
    assert digest(None) == "03f88b99c3d8073bba8948d6e762aac4"
    assert digest({"b": [1, 2.5, True, None, "é"], "a": {}}) == "ed1a007ce69e81788e4c5f082a8ba38f"
    identity = Identity("clean", 3, {"collect": "ab", "file x": "cd"}, {"threshold": 0.65})
    assert identity.name == "b215c0bd3c2632fd970b526acace815b"


def test_every_part_of_an_identity_counts() -> None:
    parts: tuple[Any, ...] = ("clean", 1, {"collect": "x"}, {"a": 1}, {})
    changed: tuple[Any, ...] = ("dedup", 2, {"collect": "y"}, {"a": 2}, {"again": 1})
    names = {Identity(*parts).name} | {Identity(*parts[:n], changed[n], *parts[n + 1 :]).name for n in range(5)}
    assert len(names) == 6
    assert all(len(name) == 32 and set(name) <= set("0123456789abcdef") for name in names)


def test_library_versions_are_those_installed() -> None:
    assert library_versions(["numpy"]) == {"numpy": np.__version__}
    assert "+" not in library_versions(["torch"])["torch"], "for which machine it was built is no part of it"
