"""Files that may be damaged or hostile: they are read within bounds, and an error takes one line."""

import json
from pathlib import Path
from typing import Any


def read_json(path: Path, limit: int) -> dict[str, Any]:
    """A JSON object of at most `limit` bytes. Raises ValueError naming the file."""
    try:
        if path.stat().st_size > limit:
            raise ValueError(f"{path}: larger than {limit} bytes")
        text = path.read_bytes()
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    try:
        contents = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not valid JSON ({error})") from None
    if not isinstance(contents, dict):
        raise ValueError(f"{path}: not a JSON object")
    return contents


def one_line(error: Exception) -> str:
    """The message of an error without its line breaks, cut to 300 characters."""
    return " ".join(str(error).split())[:300]
