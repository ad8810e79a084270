"""The files below a folder, as the sources that a recipe would have of them: a group for each kind of file."""

import glob
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from data.clean.presets import Preset, default_preset, is_code
from data.sources.config import COMPRESSED, SourceConfig, format_of
from data.sources.listing import walk
from data.survey.fields import Fields, fields_of

# Suffixes of text that are no format of their own: a source has to say that they are text.
TEXT_SUFFIXES = frozenset((".rst", ".tex", ".org", ".adoc", ".asciidoc", ".textile", ".log", ".srt", ".vtt", ".me"))
NAMES = {"html": "web", "warc": "crawl", "epub": "books", "wikipedia": "wiki", "text": "text", "archive": "archives"}
LISTED = 5  # suffixes that a message names
RECORDS = ("jsonl", "csv", "parquet", "arrow")
NO_SUFFIX, NO_BYTES = "without a suffix", "without a byte"
REMEDIES = {
    ".pdf": "convert it to text first, as `pdftotext` does",
    ".docx": "convert it to text first, as `pandoc -t plain` does",
    ".doc": "convert it to text first, as `soffice --convert-to txt` does",
    ".odt": "convert it to text first, as `pandoc -t plain` does",
    ".xml": "only Wikipedia dumps (*-pages-articles.xml) are read",
    **dict.fromkeys(
        (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow"), "damaged, or no field has text"
    ),
    NO_SUFFIX: "rename them, or name them as a source with `format: text`",
}


@dataclass(frozen=True)
class Group:
    """Files that make up one source."""

    source: SourceConfig
    """The source as a recipe in the folder itself would have it."""
    files: tuple[str, ...]
    """Paths below the folder, sorted."""
    bytes: int
    """The size of the files as they are stored."""
    preset: Preset
    """The preset that the formats and suffixes ask for."""


@dataclass(frozen=True)
class Found:
    """What there is below a folder."""

    groups: tuple[Group, ...]
    unread: Mapping[str, int]
    """How many files there are that no format reads, by their suffix, the most first."""

    @property
    def files(self) -> int:
        """The number of files that are read."""
        return sum(len(group.files) for group in self.groups)


def find_files(folder: Path) -> Found:
    """Group the files below `folder` by kind; hidden ones and folders that links lead to are left out.

    Raises ValueError when there is none that can be read.
    """
    kinds: dict[tuple[str, Fields | None], list[tuple[str, int]]] = defaultdict(list)
    unread: Counter[str] = Counter()
    others: list[str] = []  # formats of files that are not read
    for path, size in sorted(walk(str(folder))):
        kind = _kind(path)
        fields = fields_of(folder / path, kind) if kind in RECORDS else None
        if kind is None or (kind in RECORDS and fields is None) or size == 0:
            unread[(_suffix(path) or NO_SUFFIX) if size else NO_BYTES] += 1
            others += [kind] if kind else []
        else:
            kinds[kind, fields].append((path, size))
    if not kinds:
        raise ValueError(f"{folder}: there is no file that can be read{_listed(unread)}")
    taken: set[str] = set()
    times = Counter([kind for kind, _ in kinds] + others)
    groups = [
        _group(kind, fields, files, taken, times[kind] == 1)
        for (kind, fields), files in sorted(kinds.items(), key=_order)
    ]
    return Found(tuple(groups), dict(unread.most_common()))


def describe(suffix: str, number: int) -> str:
    """Files of a suffix that are not read, with what can be done."""
    remedy = REMEDIES.get(suffix, "")
    return f"{number:,} {suffix}{f' ({remedy})' if remedy else ''}"


def _listed(unread: Counter[str]) -> str:
    named = [describe(suffix, number) for suffix, number in unread.most_common(LISTED)]
    return f", only {', '.join(named)}" if named else "; put texts into it, or name another folder"


def _order(item: tuple[tuple[str, Fields | None], Sequence[tuple[str, int]]]) -> tuple[str, tuple[str, ...]]:
    (kind, fields), _ = item
    return kind, tuple(map(str, fields or ()))


def _kind(path: str) -> str | None:
    """The format of a file, `code` for a program's source; None for what cannot be read."""
    if format := format_of(path):
        return format
    if is_code(path):
        return "code"
    return "text" if _suffix(path) in TEXT_SUFFIXES else None


def _suffix(path: str) -> str:
    plain = path.lower()
    for compression in COMPRESSED:
        plain = plain.removesuffix(compression)
    return os.path.splitext(plain)[1]  # noqa: PTH122


def _group(
    kind: str, fields: Fields | None, files: Sequence[tuple[str, int]], taken: set[str], alone: bool
) -> Group:  # fmt: skip
    """The files as a source under a name that is not `taken`; `alone` where the suffixes mean no other files than these."""
    paths = sorted(path for path, _ in files)
    name = _free(NAMES.get(kind, kind), taken)
    options = {"format": "text"} if any(format_of(path) is None for path in paths) else {}
    patterns = _patterns(paths) if alone or kind not in RECORDS else [glob.escape(path) for path in paths]
    source = SourceConfig(name=name, path=patterns, **options, **(fields.options() if fields else {}))
    return Group(source, tuple(paths), sum(size for _, size in files), default_preset(source))


def _free(name: str, taken: set[str]) -> str:
    """The name, with a number behind it where it is taken."""
    number = 2
    free = name
    while free in taken:
        free, number = f"{name}{number}", number + 1
    taken.add(free)
    return free


def _patterns(paths: Sequence[str]) -> list[str]:
    """A glob for each suffix that the paths end in, as it is written there."""
    endings = {Path(path).name[len(_stem(path)) :] for path in paths}
    return [f"**/*{glob.escape(ending)}" for ending in sorted(endings)]


def _stem(path: str) -> str:
    """The name of a file without its suffix and that of a compression."""
    name = Path(path).name
    for compression in COMPRESSED:
        if name.lower().endswith(compression):
            name = name[: -len(compression)]
    return "" if name.lower().endswith(".xml") and "-pages-articles" in name else Path(name).stem
