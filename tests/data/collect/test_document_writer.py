"""Documents on their way into files: row groups of bounded size, files of about the size asked for, equal bytes."""

import tracemalloc
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from data.collect.document_writer import ROW_GROUP_BYTES, DocumentWriter
from data.collect.fields import Document
from data.documents import SCHEMA
from data.tables import ROW_GROUP_ROWS, read_table


def document(number: int, size: int) -> Document:
    text = f"{number} ".ljust(size, "ä")
    return Document(f"{number:032x}", text.encode(), size, f"uri {number}", "CC0-1.0", "{}")


def groups(folder: Path) -> list[list[int]]:
    """Rows of the row groups of every file."""
    files = [pq.read_metadata(path) for path in sorted(folder.iterdir())]
    return [[file.row_group(number).num_rows for number in range(file.num_row_groups)] for file in files]


def write(folder: Path, sizes: list[int], file_bytes: int = 1 << 30) -> list[dict]:
    folder.mkdir()
    with DocumentWriter(folder, "source", file_bytes) as writer:
        for number, size in enumerate(sizes):
            writer.append(document(number, size))
    return [row for path in sorted(folder.iterdir()) for row in read_table(path).to_pylist()]


def test_rows_come_back_as_they_went_in(tmp_path: Path) -> None:
    rows = write(tmp_path / "out", [5, 1, 2000])
    for number, size in enumerate((5, 1, 2000)):
        asked = document(number, size)
        assert rows[number] == {
            "id": asked.id, "text": asked.text.decode(), "source": "source", "uri": asked.uri, "license": "CC0-1.0",
            "language": None, "language_score": None, "meta": "{}",
        }  # fmt: skip
    assert read_table(tmp_path / "out" / "documents-00000.parquet").schema == SCHEMA


def test_row_groups_are_bounded_by_rows_and_by_bytes(tmp_path: Path) -> None:
    write(tmp_path / "rows", [10] * (ROW_GROUP_ROWS + 1))
    assert groups(tmp_path / "rows") == [[ROW_GROUP_ROWS, 1]]
    third = ROW_GROUP_BYTES // 2 // 3  # characters of two bytes, but for the number
    write(tmp_path / "bytes", [third] * 7 + [ROW_GROUP_BYTES])
    assert groups(tmp_path / "bytes") == [[3, 3, 1, 1]]


def test_files_are_of_the_size_asked_for_and_there_is_always_one(tmp_path: Path) -> None:
    write(tmp_path / "many", [1000] * 10 + [5000] + [1000] * 2, file_bytes=4000)
    assert groups(tmp_path / "many") == [[2]] * 5 + [[1], [2]]
    assert [path.name for path in sorted((tmp_path / "many").iterdir())][-1] == "documents-00006.parquet"
    assert write(tmp_path / "none", []) == []
    assert groups(tmp_path / "none") in ([[]], [[0]])


def test_what_is_held_does_not_grow_with_what_is_written(tmp_path: Path) -> None:
    peaks = []
    for count in (10, 60):
        tracemalloc.start()
        write_only(tmp_path / str(count), count)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] < 5 * ROW_GROUP_BYTES


def write_only(folder: Path, count: int) -> None:
    folder.mkdir()
    with DocumentWriter(folder, "source", 1 << 40) as writer:
        for number in range(count):
            writer.append(document(number, 1 << 20))


def test_nothing_is_written_behind_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), DocumentWriter(tmp_path, "source", 1 << 20) as writer:
        writer.append(document(1, 10))
        raise KeyError
    assert list(tmp_path.iterdir()) == []
