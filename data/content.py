"""The content of a sequence of rows, as a hash that does not depend on how the rows were cut into files or shards.

Each row has a 128-bit hash, and the rows together are the value of a polynomial with these hashes as coefficients: what two
parts hash to gives what both together hash to, so that tasks hash their own shards as they write them and nobody reads the
corpus again. The order of the rows matters. It is a fingerprint against accidents and changed code, no proof against a forger.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import xxhash

PRIME = 2**127 - 1
BASE = 0x4D6172696E657273_2D67726973746D69  # any number between 2^64 and PRIME would do; it must never change


@dataclass(frozen=True)
class Content:
    """Hash of a sequence of rows. `Content()` is that of no rows."""

    rows: int = 0
    value: int = 0

    def __add__(self, following: "Content") -> "Content":
        """The content of these rows and, behind them, of those that follow."""
        value = (self.value * pow(BASE, following.rows, PRIME) + following.value) % PRIME
        return Content(self.rows + following.rows, value)

    def __str__(self) -> str:
        return f"{self.rows}:{self.value:032x}"

    @classmethod
    def parse(cls, text: str) -> "Content":
        """The content that `str` gave `text` for."""
        rows, value = text.split(":")
        return cls(int(rows), int(value, 16))


class ContentHasher:
    """Hashes rows one after another."""

    def __init__(self) -> None:
        self._rows = self._value = 0

    def add(self, body: bytes, others: Iterable[Any] = ()) -> None:
        """Add a row: its long value as bytes, and its other values, each a string, a number or None."""
        row = xxhash.xxh3_128(body)
        row.update(orjson.dumps([len(body), *others]))
        self._value = (self._value * BASE + row.intdigest()) % PRIME
        self._rows += 1

    @property
    def content(self) -> Content:
        """The content of the rows that were added so far."""
        return Content(self._rows, self._value)


def joined(parts: Iterable[str]) -> str:
    """The content of parts that follow one another, each as its string."""
    whole = Content()
    for part in parts:
        whole += Content.parse(part)
    return str(whole)


def joined_by_key(parts: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """As `joined`, for sequences that several keys have, such as the tokens of each source and split."""
    whole: dict[str, Content] = {}
    for part in parts:
        for key, content in part.items():
            whole[key] = whole.get(key, Content()) + Content.parse(content)
    return {key: str(content) for key, content in sorted(whole.items())}
