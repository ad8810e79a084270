"""Identity by value: the name of an artifact is a hash of what it is made of."""

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any

import blake3

FINGERPRINT_DIGITS = 32  # 128 bits are enough that no two artifacts of a store have the same name by chance


def canonical(value: Any) -> Any:
    """A value in JSON types: equal values give equal results, different values give different ones.

    Raises TypeError for a value without a stable identity (an object, a function, a path, a set, a NaN). A hash of its address
    or of its order would give a name that changes from run to run.
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
    """The BLAKE3 hash of a value, as FINGERPRINT_DIGITS hexadecimal digits; raises TypeError as `canonical` does."""
    text = json.dumps(canonical(value), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return blake3.blake3(text.encode("utf-8", "surrogatepass")).hexdigest()[:FINGERPRINT_DIGITS]


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """The installed version of each distribution, by its name; `unicode` stands for Python's own tables of characters.

    The local part of a version (`+cpu`, `+cu130`) is left out, since it only says for which machine the library was built.
    Raises importlib.metadata.PackageNotFoundError for a distribution that is not installed.
    """
    return {
        name: unicodedata.unidata_version if name == "unicode" else version(name).partition("+")[0] for name in names
    }


@dataclass(frozen=True)
class Identity:
    """What an artifact is made of, and thereby its name.

    An artifact has two identities. The one whose inputs stand in it by their recipe keys gives the recipe key, which is known
    when planning. The one whose inputs stand in it by their content gives the artifact's name, which is known once the inputs
    are whole.
    """

    stage: str
    version: int
    inputs: Mapping[str, str]
    """Each input stage with its content (or recipe key), and each `file LABEL` with the hash of a source file or of user code."""
    config: Mapping[str, Any]
    """The fields of the recipe that enter the name, as JSON values."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """What tells apart artifacts that are otherwise alike: `again` counts how often it was built once more on request, and
    `libraries` has the versions of libraries, where these were seen to change what comes out."""

    @cached_property
    def name(self) -> str:
        """The name, as FINGERPRINT_DIGITS hexadecimal digits; raises TypeError as `canonical` does."""
        return digest(
            {
                "stage": self.stage,
                "version": self.version,
                "inputs": self.inputs,
                "config": self.config,
                "extra": self.extra,
            }
        )
