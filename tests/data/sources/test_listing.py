"""Which files a local path means: globs at any depth, links, and what is no file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from data.collect.collect import list_files
from data.sources.config import SourceConfig

FILES = ["a.txt", "l/a.txt", "l/b/c.txt", "l/b/d/e.txt", "l/b/d/f.md", "l/.hidden/g.txt", "l/b/.h.txt"]
NOBODY = 65534  # a user without rights


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return written(tmp_path)


def written(base: Path) -> Path:
    for name in FILES:
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_text(name)
    return base


def listed(base: Path, path: object, **source: object) -> list[str]:
    files = list_files([SourceConfig(name="s", path=path, **source)], base)
    assert all(Path(file.absolute).stat().st_size == file.bytes for file in files)
    return [file.path for file in files]


ALL = ["a.txt", "l/a.txt", "l/b/c.txt", "l/b/d/e.txt", "l/b/d/f.md"]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("**", ALL),
        ("**/*", ALL),
        ("**/**/*", ALL),
        ("./**/*.txt", ALL[:4]),
        ("l/**", ALL[1:]),
        ("l/**/", ALL[1:]),
        ("l/**/*.txt", ALL[1:4]),
        ("*/b/**/*.md", ALL[4:]),
        ("l//**//d/*", ALL[3:]),
        ("**/b/**/e.*", ALL[3:4]),
        ("l/**/d", ALL[3:]),
        ("l/**/.h*.txt", ["l/b/.h.txt"]),
        ("l/*", ALL[1:]),
        ("l/**.txt", ALL[1:2]),
        ("l/b/../*.txt", ALL[1:2]),
    ],
)
def test_globs_match_at_any_depth(base: Path, pattern: str, expected: list[str]) -> None:
    assert listed(base, pattern) == expected
    assert listed(base, f"{base}/{pattern}") == [str(base / path) for path in expected]
    (base / "recipes").mkdir()
    assert listed(base / "recipes", f"../{pattern}") == [f"../{path}" for path in expected]


def test_linked_folders_are_followed_only_where_they_are_named(base: Path) -> None:
    for name in ("self", "again"):
        (base / "l" / name).symlink_to(".")
    (base / "l" / "linked.txt").symlink_to("a.txt")
    expected = ["l/a.txt", "l/b/c.txt", "l/b/d/e.txt", "l/linked.txt"]
    for pattern in ("l/**/*.txt", "l/**/**/*.txt"):
        assert listed(base, pattern) == expected
    for pattern in ("l", "l/**", "l/**/*"):
        assert listed(base, pattern) == sorted([*expected, "l/b/d/f.md"])
    assert listed(base, "l/self/**/*.md") == ["l/self/b/d/f.md"]
    assert listed(base, "l/self/*.txt") == ["l/self/a.txt", "l/self/linked.txt"]


@pytest.mark.parametrize("path", ["l/*.txt", "l/**/*.txt", "l", "l/b/../*.txt"])
def test_what_is_no_file_is_left_out(base: Path, path: str) -> None:
    expected = listed(base, path)
    (base / "l" / "nothing.txt").symlink_to("nowhere")
    (base / "l" / "itself.txt").symlink_to("itself.txt")
    os.mkfifo(base / "l" / "pipe.txt")
    assert listed(base, path) == expected
    for name in ("nothing", "itself", "pipe"):
        with pytest.raises(ValueError, match="matches no file"):
            listed(base, f"l/{name}.txt")


@pytest.mark.parametrize("path", ["**/*.txt", ".", "l"])
def test_a_folder_that_may_not_be_read_is_named(path: str) -> None:
    with TemporaryDirectory() as folder:  # into pytest's own folders nobody else may look
        base = Path(folder)
        base.chmod(0o755)
        written(base)
        assert listed(base, path)
        (base / "l" / "b").chmod(0)
        with _not_root(), pytest.raises(ValueError, match=r"source s: '.*/l/b/?' may not be read"):
            listed(base, path)
        (base / "l" / "b").chmod(0o755)


@contextmanager
def _not_root() -> Iterator[None]:
    """Root may read every folder."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
