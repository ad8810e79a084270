"""What was withdrawn: ids and uris whose documents are left out."""

from pathlib import Path

from data.text.normalise import normalise


def withdrawn_path(name: str, base: Path) -> Path:
    """The list that the recipe in `base` names; raises ValueError when it is not there or not UTF-8."""
    path = base / name
    if not path.is_file():
        raise ValueError(f"withdrawn: there is no file {name!r} under {base}")
    _lines(path)  # a mistake in the file is found here, before any worker reads it
    return path


def read_withdrawn(path: Path) -> frozenset[str]:
    """The lines of the list, without comments (# at the beginning of a line) and blank lines.

    Raises ValueError when it is not UTF-8.
    """
    lines = [line for line in _lines(path) if line.strip() and not line.lstrip().startswith("#")]
    return frozenset(normalise(line, "nfc") for line in lines)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as problem:
        raise ValueError(f"withdrawn: {path.name} is not UTF-8: {problem.reason} at byte {problem.start}") from None
