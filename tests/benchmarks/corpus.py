"""Real pages and real text for the benchmarks: the HTML documentation in some of Debian's packages.

The packages (110 MB) are fetched once, with `apt-get download`, and unpacked, not installed, under work/bench/packages.
What lies there already is not fetched again, so that a machine without a network can be given the folder. Their versions move
with Debian's updates: `versions` says which ones a figure was measured on.

With those of November 2025: 13,783 pages of 403 MB, of which the first 1,754 are 50 MB; 50 MB of text are 6,600 documents.
"""

import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq

from data.extraction import html as extract

FOLDER = Path(__file__).resolve().parents[2] / "work" / "bench"
# Of several generators (DocBook, Sphinx, AsciiDoc, Doxygen, by hand), in English for the most part.
PACKAGES = (
    "apache2-doc",
    "exim4-doc-html",
    "git-doc",
    "libboost1.81-doc",
    "linux-doc-6.1",
    "nodejs-doc",
    "postgresql-doc-15",
    "python-django-doc",
    "python3.11-doc",
    "qtbase5-doc-html",
    "sqlite3-doc",
)
LEAST_BYTES = 50_000_000
SOURCE_LIST = (
    "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main\n"
)


def pages(least_bytes: int = LEAST_BYTES) -> list[bytes]:
    """The first pages that are at least `least_bytes` together, or all; in a fixed order that mixes the packages."""
    chosen: list[bytes] = []
    size = 0
    for file in page_files():
        if size >= least_bytes:
            break
        chosen.append(file.read_bytes())
        size += len(chosen[-1])
    return chosen


def documents(least_bytes: int = LEAST_BYTES) -> list[str]:
    """The texts of the first pages, by our extraction, that are at least `least_bytes` of UTF-8 together, or all.

    No text is there twice and none is empty. They are kept under work/bench, for as long as the extraction's code, the
    packages and the extractor stay the same.
    """
    state = hashlib.sha256(Path(extract.__file__).read_bytes())
    state.update(repr((sorted(versions().items()), version("resiliparse"))).encode())
    kept = FOLDER / f"documents-{least_bytes // 1_000_000}mb-{state.hexdigest()[:8]}.parquet"
    if not kept.is_file():
        with TemporaryDirectory(dir=FOLDER) as temporary:  # its own: another process may be making the same file
            unfinished = Path(temporary) / kept.name
            pq.write_table(pa.table({"text": list(_texts(least_bytes))}), unfinished, compression="zstd")
            unfinished.rename(kept)
    return pq.read_table(kept)["text"].to_pylist()


def page_files() -> list[Path]:
    """Every page of the packages, in an order that depends on nothing but its path in them."""
    files = [file for name in PACKAGES for file in unpacked(name).rglob("*.html") if not file.is_symlink()]
    return sorted(files, key=lambda file: hashlib.sha256(str(file.relative_to(FOLDER)).encode()).digest())


def versions() -> dict[str, str]:
    """The version of each package that is there."""
    return {name: (unpacked(name) / "VERSION").read_text().strip() for name in PACKAGES}


def unpacked(name: str) -> Path:
    """The folder with the files of a Debian package, which is fetched if it is not there.

    Raises RuntimeError when it cannot be had.
    """
    return _kept(FOLDER / "packages" / name, _fetch_package)


def unpacked_source(name: str) -> Path:
    """The folder with the documentation of a Debian source package, `doc`, fetched as by `unpacked`."""
    return _kept(FOLDER / "sources" / name, _fetch_source)


def _kept(folder: Path, fetch: Callable[[str, Path], None]) -> Path:
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    print(f"fetching {folder.name}", file=sys.stderr, flush=True)
    with TemporaryDirectory(dir=folder.parent) as temporary:
        try:
            fetch(folder.name, Path(temporary))
        except (OSError, ValueError, subprocess.CalledProcessError) as problem:
            reason = str(getattr(problem, "stderr", "")).strip() or str(problem)
            raise RuntimeError(
                f"benchmark corpus: cannot fetch Debian's package {folder.name}: {reason.splitlines()[-1]} "
                f"(or unpack it into {folder} by hand, with its version in a file VERSION)"
            ) from None
        (Path(temporary) / "files").rename(folder)
    return folder


def _fetch_package(name: str, temporary: Path) -> None:
    _command("apt-get", "download", name, cwd=temporary)
    [archive] = temporary.glob("*.deb")
    _command("dpkg-deb", "-x", archive.name, "files", cwd=temporary)
    (temporary / "files" / "VERSION").write_text(_command("dpkg-deb", "-f", archive.name, "Version", cwd=temporary))


def _fetch_source(name: str, temporary: Path) -> None:
    """By lists of apt's own, in the temporary folder: those of the machine seldom have source packages."""
    (temporary / "sources.list").write_text(SOURCE_LIST)
    (temporary / "lists" / "partial").mkdir(parents=True)
    options = [f"Dir::Etc::sourcelist={temporary}/sources.list", "Dir::Etc::sourceparts=/dev/null"]
    options += [f"Dir::State::lists={temporary}/lists", f"Dir::Cache={temporary}/cache"]
    apt = ["apt-get", *(word for option in options for word in ("-o", option))]
    _command(*apt, "update", cwd=temporary)
    _command(*apt, "source", "--download-only", name, cwd=temporary)
    [archive] = temporary.glob("*.orig.tar.*")
    (temporary / "files").mkdir()
    _command("tar", "xf", archive.name, "-C", "files", "--strip-components=1", "--wildcards", "*/doc", cwd=temporary)
    (temporary / "files" / "VERSION").write_text(archive.name.split("_")[1].partition(".orig")[0])


def _command(*words: str, cwd: Path) -> str:
    return subprocess.run(words, cwd=cwd, check=True, capture_output=True, text=True).stdout


def _texts(least_bytes: int) -> Iterator[str]:
    size = 0
    seen: set[str] = set()
    for file in page_files():
        if size >= least_bytes:
            return
        try:
            text = extract.html_to_text(file.read_bytes())
        except ValueError:  # a page past the extraction's bounds
            continue
        if text and text not in seen:
            seen.add(text)
            size += len(text.encode())
            yield text
