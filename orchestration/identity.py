"""Identity by value: what an artifact is made of decides its name."""

import json
import unicodedata
from collections.abc import Iterable, Mapping
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
    """Installed versions by distribution name; `unicode` is the version of Python's own tables of characters."""
    return {name: unicodedata.unidata_version if name == "unicode" else version(name) for name in names}


def fingerprint(
    stage: str, stage_version: int, libraries: Mapping[str, str], config: Mapping[str, Any], inputs: Mapping[str, Any]
) -> str:
    """Name of the artifact that a stage makes of these inputs under this config.

    `config` holds only the fields that change the output; `inputs` the fingerprints of the artifacts and the identities of the
    source files that the stage reads; `libraries` the versions of the libraries whose versions change its output.
    """
    return digest(
        {"stage": stage, "version": stage_version, "libraries": libraries, "config": config, "inputs": inputs}
    )
