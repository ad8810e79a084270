"""The first line of a recipe that was written for a folder: for which one, and how many files it had."""

import json
import os
import re
from pathlib import Path
from typing import NamedTuple

_MARK = "# Written by `gristmill new` for "
_LINE = re.compile(re.escape(_MARK) + r"(\".*\") \((\d+) files\)\. ")
_LONGEST = 1 << 16


class Header(NamedTuple):
    """What the first line says."""

    folder: str
    """The folder as seen from that of the recipe."""
    files: int

    def line(self) -> str:
        """The line; a name that would break it is written in ASCII."""
        name = json.dumps(self.folder, ensure_ascii=not self.folder.isprintable())
        advice = "It is yours now: change what you like, `gristmill fields NAME` explains a field."
        return f"{_MARK}{name} ({self.files} files). {advice}"


def seen_from(base: Path, folder: Path) -> str:
    """A folder's path from `base`, through the folders that links stand for."""
    return os.path.relpath(folder.resolve(), base.resolve())


def read_header(path: Path) -> Header | None:
    """The header of a recipe; None where it was written by somebody else."""
    with path.open(encoding="utf-8", errors="replace") as file:
        found = _LINE.match(file.readline(_LONGEST))
    try:
        return Header(json.loads(found[1]), int(found[2])) if found else None
    except ValueError:
        return None
