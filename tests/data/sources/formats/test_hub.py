"""Datasets: what is in columns that nobody asked for does no harm, and a bad value costs its row only."""

import json
import tarfile
from io import BytesIO
from pathlib import Path
from typing import Any

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

from data.sources.config import SourceConfig
from data.sources.formats.hub import read_dataset
from data.sources.record import Record, Unreadable
from data.sources.streams.input import ReadLimits

LIMITS = ReadLimits(record_bytes=1000)
FORMS = ["saved", "streamed"]


def read(path: Path, **source: object) -> list[Record | Unreadable]:
    config = SourceConfig(name="s", path=str(path), format="datasets", **source)
    return list(read_dataset(str(path), config, LIMITS))


def written(folder: Path, form: str, rows: datasets.Dataset) -> Path:
    """The dataset as `save_to_disk` writes it, or as Parquet files that are streamed."""
    if form == "saved":
        rows.save_to_disk(folder)
    else:
        folder.mkdir()
        rows.to_parquet(folder / "train.parquet")
    return folder


def texts(records: list[Record | Unreadable]) -> dict[str, str]:
    return {record.place: str(record.fields.get("text")) for record in records if isinstance(record, Record)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", [datasets.Image(), datasets.Audio()])
def test_broken_pictures_and_sounds_are_not_opened(tmp_path: Path, form: str, kind: object) -> None:
    features = datasets.Features({"media": kind, "text": datasets.Value("string")})
    columns = {"media": [{"bytes": b"broken", "path": None}] * 3, "text": ["a", "b", "c"]}
    # Made from a table: for sounds the library needs a package even to take bytes over.
    rows = datasets.Dataset(pa.table(columns, features.arrow_schema), datasets.DatasetInfo(features=features))
    path = written(tmp_path / "in", form, rows)
    assert texts(read(path)) == {"0": "a", "1": "b", "2": "c"}


def test_folders_of_pictures_are_read_without_opening_them(tmp_path: Path) -> None:
    content = BytesIO()
    Image.new("RGB", (2, 2)).save(content, "png")
    (tmp_path / "a.png").write_bytes(content.getvalue())
    (tmp_path / "b.png").write_bytes(b"broken")
    captions = [{"file_name": "a.png", "text": "one", "key": None}, {"file_name": "b.png", "text": "two", "key": 7}]
    (tmp_path / "metadata.jsonl").write_text("".join(json.dumps(caption) + "\n" for caption in captions))
    records = read(tmp_path, id_field="key")
    assert texts(records) == {"0": "one", "1": "two"} and records[1].fields["key"] == 7  # type: ignore[union-attr]


@pytest.mark.parametrize("form", FORMS)
def test_values_that_cannot_be_decoded_cost_their_rows(tmp_path: Path, form: str) -> None:
    count = 150  # more than a batch
    content = [b"row %d" % number for number in range(count)]
    content[3] = b"\xff\xfe"
    content[100] = b"x" * 1001
    days = pa.array([0] * 70 + [1 << 62] + [0] * (count - 71), pa.int64()).cast(pa.timestamp("s"))
    table = pa.table({"text": pa.array(content, pa.binary()).view(pa.string()), "day": days, "n": list(range(count))})
    if form == "saved":
        datasets.Dataset(table).save_to_disk(tmp_path / "in")
    else:
        (tmp_path / "in").mkdir()
        table = table.set_column(1, "day", days.cast(pa.int64()).view(pa.timestamp("ms")))
        pq.write_table(table, tmp_path / "in" / "train.parquet", row_group_size=40)
    records = read(tmp_path / "in", date_field="day", meta_fields=["n"])
    assert [record.place for record in records] == [str(number) for number in range(count)]
    lost = {record.place: record.error for record in records if isinstance(record, Unreadable)}
    assert list(lost) == ["3", "70", "100"]
    assert "cannot be decoded" in lost["3"] and "cannot be decoded" in lost["70"] and "max_record_mb" in lost["100"]
    assert records[149].fields["n"] == 149 and records[149].bytes == 7  # type: ignore[union-attr]
    # The date does no harm where it is not asked for.
    assert len(texts(read(tmp_path / "in"))) == count - 2


@pytest.mark.parametrize("form", FORMS)
def test_values_of_several_types_are_what_they_were(tmp_path: Path, form: str) -> None:
    kinds = {"text": datasets.Json(), "more": {"x": datasets.Json()}, "other": datasets.Value("string")}
    rows = {
        "text": ["one", 2, None, "y" * 1001, "é\n"],
        "more": [{"x": 1}, {"x": "y"}, {"x": None}, {"x": [1]}, {"x": {"a": 1.5}}],
        "other": ["z"] * 5,
    }
    saved = datasets.Dataset.from_dict(rows, features=datasets.Features(kinds))
    records = read(written(tmp_path / "in", form, saved), meta_fields=["more", "other"])
    assert [getattr(record, "fields", {}).get("text") for record in records] == ["one", 2, None, None, "é\n"]
    assert isinstance(records[3], Unreadable) and "max_record_mb" in records[3].error
    assert records[4].fields == {"text": "é\n", "more": {"x": {"a": 1.5}}, "other": "z"}  # type: ignore[union-attr]
    assert [record.bytes for record in records] == [3, 0, 0, 1001, 3]


def test_files_whose_columns_are_not_known_beforehand(tmp_path: Path) -> None:
    (tmp_path / "train-0.json").write_text(json.dumps([{"text": "a", "n": 1}, {"text": "b", "n": 2}]))
    (tmp_path / "train-1.json").write_text(json.dumps([{"n": "of another type"}]))
    (tmp_path / "train-2.json").write_text(json.dumps([{"text": "c", "m": [1]}]))
    records = read(tmp_path, meta_fields=["n"])
    assert [record.place for record in records] == ["0", "1", "2", "3"]
    assert texts(records) == {"0": "a", "1": "b", "2": "None", "3": "c"}
    with pytest.raises(ValueError, match=r"no column 'body', only text, n, m: set text_field"):
        read(tmp_path, text_field="body")


@pytest.mark.parametrize("broken", [0, 9])
@pytest.mark.parametrize(("suffix", "content"), [("txt", b"a \xff b"), ("json", b'{"a": '), ("json", b'"\\ud800"')])
def test_what_the_library_cannot_read_ends_the_dataset_and_is_named(
    tmp_path: Path, broken: int, suffix: str, content: bytes
) -> None:
    """Among the first rows, by which the library knows the types of the columns, and behind them."""
    good = b"text" if suffix == "txt" else b'"text"'
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for number in range(12):
            member = tarfile.TarInfo(f"{number:04d}.{suffix}")
            member.size = len(content if number == broken else good)
            tar.addfile(member, BytesIO(content if number == broken else good))
    *before, last = read(tmp_path, text_field=suffix)
    if broken and b"ud800" in content:  # a lone surrogate is mended with the others
        assert len(before) == 11 and isinstance(last, Record)
    else:
        assert [record.place for record in before] == [str(number) for number in range(broken)]
        assert isinstance(last, Unreadable) and last.place == str(broken)
        assert last.error.startswith("the rest of the file cannot be read: ")


def test_a_config_and_a_split_are_chosen_by_name(tmp_path: Path) -> None:
    configs = []
    for name, splits in (("one", ["train"]), ("two", ["train", "test"])):
        files = [{"split": split, "path": f"{name}-{split}.jsonl"} for split in splits]
        configs.append({"config_name": name, "data_files": files})
        for split in splits:
            (tmp_path / f"{name}-{split}.jsonl").write_text(json.dumps({"text": f"{name} {split}"}))
    (tmp_path / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n")
    for name, split in (("one", "train"), ("two", "train"), ("two", "test")):
        assert texts(read(tmp_path, config=name, split=split)) == {"0": f"{name} {split}"}
    for wrong, said in (({"config": "three"}, "three"), ({"config": "one", "split": "test"}, "test"), ({}, "one")):
        with pytest.raises(ValueError, match=said):
            read(tmp_path, **wrong)


@pytest.mark.parametrize(
    "lines",
    [
        [[{"text": "a", "note": None}], [{"text": "b", "note": "here"}]],
        [[{"text": "a", "stars": 1}], [{"text": "b", "stars": "many"}]],
        [[{"text": "a", "meta": {"x": 1}}], [{"text": "b", "meta": {"x": 1, "y": 2}}]],
        [[{"text": "a", "tags": []}], [{"text": "b", "tags": ["new"], "more": 1}]],
    ],
)
@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_columns_that_are_not_taken_may_differ_from_file_to_file(tmp_path: Path, lines: list[Any], form: str) -> None:
    for number, rows in enumerate(lines):
        if form == "jsonl":
            (tmp_path / f"{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"{number}.parquet")
    source = SourceConfig(name="s", path=str(tmp_path), format="datasets")
    found = list(read_dataset(str(tmp_path), source, ReadLimits(1 << 20)))
    assert [(record.place, str(record.fields["text"])) for record in found if isinstance(record, Record)] == [
        ("0", "a"),
        ("1", "b"),
    ]
