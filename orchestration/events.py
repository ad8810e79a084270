"""The event log of a run: each line is a JSON object; lines are appended and never rewritten."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any, NotRequired

from pydantic import ConfigDict, TypeAdapter
from typing_extensions import TypedDict  # pydantic accepts the TypedDict of typing only from Python 3.12 on


class Event(TypedDict):
    """A line of the log. Only those facts of an event are listed here that some command reads again."""

    __pydantic_config__ = ConfigDict(extra="allow")  # type: ignore[misc]

    time: float  # Unix seconds
    event: str
    stage: NotRequired[str]
    step: NotRequired[int | str]  # the number of a training step, or the name of the step that a shard belongs to
    seconds: NotRequired[float]
    error: NotRequired[str]


EVENT: TypeAdapter[Event] = TypeAdapter(Event)


class EventLog:
    """Appends events to a file; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def write(self, event: str, **facts: Any) -> None:
        """Append one event with the present time (Unix seconds)."""
        line = json.dumps({"time": round(time.time(), 3), "event": event, **facts}, ensure_ascii=False) + "\n"
        with self._lock:
            if ends_torn(self.path):
                line = "\n" + line
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(descriptor, line.encode())
            finally:
                os.close(descriptor)


def ends_torn(path: Path) -> bool:
    """Whether a killed writer left half a line at the end of a log. The next line must then begin with a newline."""
    if not path.exists() or path.stat().st_size == 0:
        return False
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"
