"""Reading `build.json`, which lies in an artifact's folder and says how the artifact was built."""

from pathlib import Path

from pydantic import ConfigDict, TypeAdapter
from typing_extensions import TypedDict  # pydantic accepts the TypedDict of typing only from Python 3.12 on

from orchestration.side_records import read_side_record


class BuildRecord(TypedDict):
    """When an artifact was built and how long it took. The file also has host, cores and layout, which only people read."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    started: float  # Unix seconds
    seconds: float


_SHAPE: TypeAdapter[BuildRecord] = TypeAdapter(BuildRecord)


def read_build(artifact: Path) -> BuildRecord | None:
    """The build record in an artifact's folder.

    It is None when the file is missing. When the file is damaged it is None as well, and a line on the error stream says so.
    """
    return read_side_record(artifact / "build.json", _SHAPE, "how long the stage took is not known")
