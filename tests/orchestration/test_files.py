"""Files and folders: whole or absent, after any crash."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import blake3
import pytest

from orchestration.files import (
    checksum,
    commit_folder,
    describe_files,
    files_below,
    folder_bytes,
    read_json,
    write_json,
    write_text,
)


def make_folder(path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text)
    return path


def test_checksum_is_blake3_of_the_bytes(tmp_path: Path) -> None:
    for size in (0, 1, 70_000):
        path = tmp_path / str(size)
        path.write_bytes(bytes(range(256)) * (size // 256) + b"x" * (size % 256))
        assert checksum(path) == blake3.blake3(path.read_bytes()).hexdigest()


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"b": 1, "a": "é"})
    first = path.read_bytes()
    write_json(path, {"a": "é", "b": 1})
    assert path.read_bytes() == first == b'{\n  "a": "\xc3\xa9",\n  "b": 1\n}\n'
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("value", [float("nan"), {"a": float("inf")}, {"a": {1, 2}}, Path("x")])
def test_what_is_not_json_leaves_the_old_file(tmp_path: Path, value: object) -> None:
    path = tmp_path / "a.json"
    write_json(path, [1])
    with pytest.raises((ValueError, TypeError)):
        write_json(path, value)
    assert read_json(path) == [1]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\ud800")
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"{} {}"])
def test_reading_what_is_not_json_names_the_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"bad\.json: not readable as JSON"):
        read_json(tmp_path / "bad.json")


def test_a_reader_never_sees_a_part_even_when_the_writer_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "0" * 300_000)
    code = (
        "import sys; from pathlib import Path; from orchestration.files import write_text\n"
        "for n in range(100_000): write_text(Path(sys.argv[1]), str(n % 10) * 300_000)"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(path)])
    try:
        seen = set()
        deadline = time.monotonic() + 20
        while len(seen) < 3 and time.monotonic() < deadline:
            text = path.read_text()
            assert len(text) == 300_000
            assert len(set(text)) == 1
            seen.add(text[0])
        assert len(seen) >= 3, "the writer was not seen at work"
    finally:
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
    text = path.read_text()
    assert len(text) == 300_000
    assert len(set(text)) == 1


def test_a_folder_gets_its_name(tmp_path: Path) -> None:
    temporary = make_folder(tmp_path / ".building", {"a": "1", "b/c": "2"})
    commit_folder(temporary, tmp_path / "final")
    assert not temporary.exists()
    assert [p.as_posix() for p in files_below(tmp_path / "final")] == ["a", "b/c"]


def test_a_retry_that_lost_the_race_leaves_the_first_and_goes(tmp_path: Path) -> None:
    final = make_folder(tmp_path / "final", {"a": "first"})
    commit_folder(make_folder(tmp_path / ".second", {"a": "second"}), final)
    assert (final / "a").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["final"]


def test_a_file_in_the_place_of_the_folder_is_an_error_and_nothing_is_lost(tmp_path: Path) -> None:
    temporary = make_folder(tmp_path / ".building", {"a": "1"})
    (tmp_path / "final").write_text("a file")
    with pytest.raises(OSError, match="Not a directory"):
        commit_folder(temporary, tmp_path / "final")
    assert (temporary / "a").read_text() == "1"


def test_files_are_described_in_order_with_bytes_and_checksum(tmp_path: Path) -> None:
    make_folder(tmp_path, {"b": "22", "a/z": "1", "a.txt": "333", "c/build.json": "{}", "build.json": "{}"})
    described = describe_files(tmp_path, leave_out=frozenset({"build.json"}))
    assert [entry["path"] for entry in described] == ["a.txt", "a/z", "b"]
    assert [entry["bytes"] for entry in described] == [3, 1, 2]
    assert described[2]["checksum"] == blake3.blake3(b"22").hexdigest()
    assert folder_bytes(tmp_path) == 10


@pytest.mark.parametrize("target", ["file", "folder"])
def test_a_symbolic_link_inside_an_artifact_is_an_error(tmp_path: Path, target: str) -> None:
    make_folder(tmp_path / "outside", {"file": "1", "folder/x": "1"})
    artifact = make_folder(tmp_path / "artifact", {"a": "1"})
    (artifact / "link").symlink_to(tmp_path / "outside" / target)
    with pytest.raises(AssertionError, match="symbolic link"):
        files_below(artifact)
