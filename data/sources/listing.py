"""The files that a recipe's sources name: local paths, globs and folders, and URLs."""

import glob
import os
from collections.abc import Iterator, Sequence
from itertools import dropwhile
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from data.sources.config import Format, SourceConfig, format_of
from data.sources.streams.storage import is_url, list_url

# The folder in which runs keep what they make has this file: a run in a folder of texts would read its own report otherwise.
WORKDIR_MARK = ".gristmill-workdir"


class SourceFile(NamedTuple):
    """One file of a source, or a whole dataset of the hub (then `absolute` is empty)."""

    source: str
    path: str  # as the recipe would write it: relative to its folder unless the source's path is absolute
    absolute: str  # absolute path, or the URL
    bytes: int
    format: Format
    identity: str = ""  # of a file behind a URL: a value that changes when the file does


def list_files(sources: Sequence[SourceConfig], base: Path) -> list[SourceFile]:
    """The files of all sources, those of a source sorted by path.

    Raises ValueError when a path matches no file, when a folder may not be read, when a file's suffix does not tell its format,
    and when a server cannot be asked or does not tell enough.
    """
    return [file for source in sources for file in _readable_files(source, str(base))]


def _readable_files(source: SourceConfig, base: str) -> list[SourceFile]:
    try:
        return _files_of(source, base)
    except PermissionError as problem:
        raise ValueError(
            f"source {source.name}: {problem.filename!r} may not be read; give the right to, or name the other folders"
        ) from None


def _files_of(source: SourceConfig, base: str) -> list[SourceFile]:
    patterns = [source.path] if isinstance(source.path, str) else source.path
    if source.format == "datasets":
        return _dataset_files(source, patterns[0], base)
    found: dict[str, SourceFile] = {}
    for pattern in patterns:
        files = _remote_files(source, pattern) if is_url(pattern) else _local_files(source, pattern, base)
        matched = {file.path: file for file in files}
        if not matched:
            raise _no_file(source, pattern, base)
        found |= matched
    return [found[path] for path in sorted(found)]


def _no_file(source: SourceConfig, path: str, base: str) -> ValueError:
    searched = "" if is_url(path) else f"; searched was {os.path.normpath(os.path.join(base, path))}"  # noqa: PTH118
    return ValueError(f"source {source.name}: path {path!r} matches no file{searched}")


def _remote_files(source: SourceConfig, url: str) -> Iterator[SourceFile]:
    try:
        stored = list_url(url)
    except ValueError as problem:
        raise ValueError(f"source {source.name}: {problem}") from problem
    for file in stored:
        yield SourceFile(source.name, file.url, file.url, file.bytes, _format(source, file.url), file.identity)


def _local_files(source: SourceConfig, pattern: str, base: str) -> Iterator[SourceFile]:
    for path, size in _matches(pattern, base):
        yield SourceFile(source.name, path, os.path.join(base, path), size, _format(source, path))  # noqa: PTH118 (fast)


def _matches(pattern: str, base: str) -> Iterator[tuple[str, int]]:
    """Path (relative to `base`, or absolute as `pattern` is) and size of the files that `pattern` means.

    What is neither a file nor a folder is left out, such as a link to nothing. There may be 100,000: so no Path is made for each.
    """
    for path in [pattern] if Path(base, pattern).exists() else _glob(pattern, base):
        shown = os.path.normpath(path)
        absolute = os.path.join(base, shown)  # noqa: PTH118
        if os.path.isdir(absolute):  # noqa: PTH112
            yield from walk(absolute, "" if shown == "." else f"{shown}/")
        elif os.path.isfile(absolute):  # noqa: PTH113
            yield shown, os.stat(absolute).st_size  # noqa: PTH116


def _glob(pattern: str, base: str) -> Iterator[str]:
    """The paths that `pattern` matches. `**` goes into no linked folder: a link may lead back to a folder above it."""
    # Path.glob will not do: it refuses absolute patterns and takes hidden files.
    parts = pattern.split("/")
    if "**" not in parts:
        yield from glob.iglob(pattern, root_dir=base)  # noqa: PTH207
        return
    star = parts.index("**")
    above = "".join(f"{part}/" for part in parts[:star])
    below = "/".join(dropwhile(lambda part: part in ("**", ""), parts[star:]))
    for top in glob.iglob(above, root_dir=base) if above else [""]:  # noqa: PTH207
        if not below:
            yield top or "."
            continue
        for shown, _ in _folders(os.path.join(base, top), top):  # noqa: PTH118
            folder = os.path.join(base, shown)  # noqa: PTH118
            for path in _glob(below, folder):
                found = os.path.join(folder, path.rstrip("/"))  # noqa: PTH118
                if not (os.path.islink(found) and os.path.isdir(found)):  # noqa: PTH112, PTH114
                    yield shown + path


def walk(folder: str, shown: str = "") -> Iterator[tuple[str, int]]:
    """Path, with `shown` before it, and size of the files in `folder` at any depth.

    Hidden ones are left out, as by a glob, linked folders are not followed, and workdirs of runs are no sources.
    """
    for prefix, entries in _folders(folder, shown):
        for entry in entries:
            if os.path.isfile(entry):  # noqa: PTH113 (the entry's own raises for a link to itself)
                yield f"{prefix}{entry.name}", entry.stat().st_size


def _folders(folder: str, shown: str) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """`folder` and those in it at any depth, without hidden and linked ones and workdirs: what their files' paths begin with, and
    entries."""
    top, folders = folder, [(folder, shown)]
    while folders:
        folder, shown = folders.pop()
        with os.scandir(folder) as found:
            all_entries = list(found)
        if folder != top and any(entry.name == WORKDIR_MARK for entry in all_entries):
            continue
        entries = [entry for entry in all_entries if not entry.name.startswith(".")]
        yield shown, entries
        folders += [(entry.path, f"{shown}{entry.name}/") for entry in entries if entry.is_dir(follow_symlinks=False)]


def _format(source: SourceConfig, path: str) -> Format:
    try:
        path.encode()
    except UnicodeEncodeError:
        raise ValueError(f"source {source.name}: the file name {path!a} is not UTF-8: rename it") from None
    if source.format != "auto":
        return source.format
    found = format_of(file_name(path))
    if found is None:
        raise ValueError(
            f"source {source.name}: cannot tell the format of {path}: set format, or name its files by a glob"
        )
    return found


def file_name(path: str) -> str:
    """The part of a path or URL whose suffixes tell format and compression: a web address may end in a query."""
    return urlsplit(path).path if path.startswith(("http://", "https://")) else path


def _dataset_files(source: SourceConfig, path: str, base: str) -> list[SourceFile]:
    """A dataset is read as a whole, by one task; a local one is listed as its files for the sake of its identity."""
    if Path(base, path).is_dir():
        files = [
            SourceFile(source.name, shown, os.path.join(base, shown), size, "datasets")  # noqa: PTH118
            for shown, size in sorted(_matches(path, base))
        ]
        if not files:
            raise _no_file(source, path, base)
        return files
    if source.datasets.revision is None:
        raise ValueError(
            f"source {source.name}: {path!r} is no folder, and to read it from the hub the source needs a revision "
            "(a commit of the dataset), so that the run can be repeated"
        )
    return [SourceFile(source.name, f"{path}@{source.datasets.revision}", "", 0, "datasets")]
