"""What `build.json` beside an artifact says of how it was built."""

from pathlib import Path

from pydantic import ConfigDict, TypeAdapter
from typing_extensions import TypedDict  # pydantic takes the one of typing from Python 3.12 on only

from orchestration.side_records import read_side_record


class BuildRecord(TypedDict):
    """When an artifact was built and how long it took; where, and by how many ranks, is for people."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    started: float  # Unix seconds
    seconds: float


_SHAPE: TypeAdapter[BuildRecord] = TypeAdapter(BuildRecord)


def read_build(artifact: Path) -> BuildRecord | None:
    """The record of an artifact's folder; None, with a word on the error stream, when it is damaged."""
    return read_side_record(artifact / "build.json", _SHAPE, "how long the stage took is not known")
