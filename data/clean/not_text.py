"""What no text looks like: pictures, programs and archives that were read as letters, and data in letters (base64).

The rules are part of every preset and stand before the chain. docs/presets.md says on which files the limits were tried.
"""

import unicodedata
from functools import cache

import numpy as np

from data.clean.config import NotTextConfig
from data.clean.filters.rejection import Rejection, Rule, first_broken, limits_of

_OTHER, _SMALL, _CAPITAL, _CONTROL, _LOST, _NO_CHARACTER = range(6)  # kinds of characters
_WHITE_SPACE = "\t\n\v\f\r\x85"  # the control characters that texts have
_KINDS = {"Ll": _SMALL, "Lu": _CAPITAL, "Cc": _CONTROL, "Cs": _LOST, "Co": _NO_CHARACTER, "Cn": _NO_CHARACTER}

RULES = {
    "control_characters": Rule(most="max_control_characters"),
    "lost_characters": Rule(most="max_lost_characters"),
    "unassigned_characters": Rule(most="max_unassigned_characters"),
    "capitals_within": Rule(most="max_capitals_within"),
}
MIN_LETTERS = 300  # In fewer letters a few names such as `iPhone` or `getValue` reach the limit.


def check(text: str, config: NotTextConfig) -> Rejection | None:
    """The first rule that `text` breaks; a text without characters breaks none."""
    found = first_broken(measures(text).items(), limits_of(RULES, config))
    return found and Rejection(f"not_text.{found.rule}", found.detail)


def measures(text: str) -> dict[str, float]:
    """What the rules measure; a rule for which there is too little text is left out."""
    if text.isascii():
        codes = np.frombuffer(text.encode(), np.uint8)  # a quarter of the bytes
    else:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    kinds = _kinds().take(codes, mode="clip")  # mode clip checks no bounds, which is faster
    if not len(kinds):
        return {}
    numbers = np.bincount(kinds, minlength=_NO_CHARACTER + 1) / len(kinds)
    shares = {
        "control_characters": numbers[_CONTROL],
        "lost_characters": numbers[_LOST],
        "unassigned_characters": numbers[_NO_CHARACTER],
    }
    letters = (kinds == _SMALL) | (kinds == _CAPITAL)
    if letters.sum() >= MIN_LETTERS:
        pairs = int((letters[:-1] & letters[1:]).sum())
        within = int(((kinds[:-1] == _SMALL) & (kinds[1:] == _CAPITAL)).sum())
        shares["capitals_within"] = within / max(1, pairs)
    return {rule: float(share) for rule, share in shares.items()}


@cache
def _kinds() -> np.ndarray:
    """The kind of each of Unicode's characters."""
    kinds = np.array([_KINDS.get(unicodedata.category(chr(code)), _OTHER) for code in range(0x110000)], np.uint8)
    kinds[[ord(character) for character in _WHITE_SPACE]] = _OTHER
    kinds[0xFFFD] = _LOST
    return kinds
