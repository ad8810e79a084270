"""Identity by value: what an artifact is made of decides its name."""

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any

import blake3

FINGERPRINT_DIGITS = 32  # 128 bits: no accidental collision among any number of artifacts that a store can hold


def canonical(value: Any) -> Any:
    """A value as JSON types, the same for equal values and different for different ones.

    Raises TypeError for whatever has no stable identity (an object, a function, a path, a set, a NaN): to hash its address
    or its order would give a name that changes from run to run.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise TypeError(f"{value} has no stable identity")
        return {"float": value.hex()}
    if isinstance(value, list | tuple):
        return [canonical(item) for item in value]
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError(
                f"a mapping with keys other than strings has no stable identity: {sorted(map(repr, value))}"
            )
        return {"mapping": {key: canonical(item) for key, item in value.items()}}
    raise TypeError(f"a value of type {type(value).__name__} has no stable identity: {value!r}")


def digest(value: Any) -> str:
    """Hash of a value, as hexadecimal digits; raises TypeError as `canonical` does."""
    text = json.dumps(canonical(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return blake3.blake3(text.encode("utf-8", "surrogatepass")).hexdigest()[:FINGERPRINT_DIGITS]


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """Installed versions by distribution name; `unicode` is the version of Python's own tables of characters.

    A local part (`+cpu`, `+cu130`) is left out: it says for which machine a library was built.
    """
    return {
        name: unicodedata.unidata_version if name == "unicode" else version(name).partition("+")[0] for name in names
    }


@dataclass(frozen=True)
class Identity:
    """What an artifact is made of, and so its name.

    The same form names an artifact twice. With the recipe keys of the inputs its name is the recipe key, which is known when
    planning; with the content of the inputs it is the artifact's name, which is known once they are whole.
    """

    stage: str
    version: int
    inputs: Mapping[str, str]
    """Input stages to their content (or recipe key), and `file LABEL` to the hash of a source file or of a user's code."""
    config: Mapping[str, Any]
    """The fields that name the artifact, as JSON."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What sets artifacts apart that are otherwise alike: `again` (built once more on request), `libraries` (where their
    versions were seen to change what comes out)."""

    @cached_property
    def name(self) -> str:
        """32 hexadecimal digits."""
        return digest(
            {
                "stage": self.stage,
                "version": self.version,
                "inputs": self.inputs,
                "config": self.config,
                "extra": self.extra,
            }
        )
