"""Hugging Face `datasets`: a saved folder, a local dataset repository, or a dataset of the hub at a fixed revision."""

import lzma
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from json import JSONDecodeError
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from data.sources.config import Format, SourceConfig, format_of
from data.sources.formats.columns import BATCH_ROWS, records_of
from data.sources.readers import reader
from data.sources.record import EXCERPT_BYTES, Record, Unreadable, first_line, rest_unreadable, too_large
from data.sources.streams.input import FileInput, ReadLimits

if TYPE_CHECKING:
    from datasets import Dataset, Features, IterableDataset


FIRST_ROWS = 100  # In the first rows of a dataset its text column is looked for.
# What the library raises for a damaged file. OSError is not among these, because a transfer can be tried again.
DAMAGE = (UnicodeError, JSONDecodeError, pa.ArrowException, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError)


class Opened(NamedTuple):
    """The split of a dataset."""

    rows: "Dataset | IterableDataset"
    features: "Features | None"  # the types of its columns where they are known
    in_batches: bool  # whether the library itself has the rows as Arrow's batches


def is_saved_folder(path: Path) -> bool:
    """Whether `path` was written by `Dataset.save_to_disk` or `DatasetDict.save_to_disk`."""
    return (path / "state.json").is_file() or (path / "dataset_dict.json").is_file()


def read_dataset(path: str, source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    """The rows of the split of a dataset (a folder, or a name on the hub), streamed; `place` is the row number.

    Of the columns only the source's are decoded; a row with a value that cannot be is unreadable, and so is, as one record,
    all that follows where the library cannot go on. Raises ValueError when there is no such dataset, config, split or text
    column.
    """
    with TemporaryDirectory() as cache:  # the library keeps no streamed rows, but puts lock files there
        try:
            if files := _own_files(path, source, cache):
                yield from _read_files(path, files, source, limits)
                return
            dataset = _open(path, source, cache)
        except DAMAGE as problem:  # the library may read the first rows here to find the types
            yield rest_unreadable("0", problem)
            return
        json = _json_columns(dataset.features, source)
        pieces, row = _batches(dataset) if dataset.in_batches else iter(dataset.rows), 0
        while True:
            try:
                piece = next(pieces, None)
            except (ValueError, *DAMAGE) as problem:
                yield rest_unreadable(str(row), problem)
                return
            if piece is None:
                return
            names = piece.schema.names if isinstance(piece, pa.RecordBatch) else list(piece)
            if row == 0 and source.text_field not in names:
                columns = ", ".join(names)
                raise ValueError(f"dataset {path} has no column {source.text_field!r}, only {columns}: set text_field")
            for record in _records(piece, row, source, limits.record_bytes):
                if json and isinstance(record, Record):
                    yield _parsed(record, json, source, limits.record_bytes)
                else:
                    yield record
                row += 1


def _own_files(path: str, source: SourceConfig, cache: str) -> list[str]:
    """The files of the split of a local dataset repository, if all are of formats that our own readers read.

    The library holds every file to the columns and types of the first, also in columns that nobody asked for.
    """
    import datasets

    if not Path(path).is_dir() or is_saved_folder(Path(path)):
        return []
    config = datasets.load_dataset_builder(path, name=source.datasets.config, cache_dir=cache).config
    files = [str(file) for file in (getattr(config, "data_files", None) or {}).get(source.datasets.split, [])]
    return files if all(map(_is_plain, files)) else []


def _is_plain(file: str) -> bool:
    """Whether a file says all that there is to know of its values; the library writes types of its own into Parquet files."""
    if format_of(file) == "jsonl":
        return True
    try:
        return format_of(file) == "parquet" and b"huggingface" not in (pq.read_schema(file).metadata or {})
    except (pa.ArrowException, OSError):
        return False


def _format(file: str) -> Format:
    found = format_of(file)
    assert found, "only files of known formats come here"
    return found


def _read_files(
    path: str, files: Sequence[str], source: SourceConfig, limits: ReadLimits
) -> Iterator[Record | Unreadable]:
    """The records of the files, one after another; `place` is the number of the row in all of them.

    Raises ValueError when the first of them have no text column.
    """
    records = (
        record
        for file in files
        for record in reader(_format(file))(FileInput(file, file, limits.file_bytes), source, limits)
    )
    first = list(islice(records, FIRST_ROWS))
    fields = [record.fields for record in first if isinstance(record, Record)]
    if fields and not any(source.text_field in names for names in fields):
        columns = ", ".join(dict.fromkeys(name for names in fields for name in names))
        raise ValueError(f"dataset {path} has no column {source.text_field!r}, only {columns}: set text_field")
    for row, record in enumerate(chain(first, records)):
        yield record._replace(place=str(row))


def _records(
    piece: "pa.RecordBatch | Mapping[str, object]", row: int, source: SourceConfig, limit: int
) -> Iterator[Record | Unreadable]:
    """The records of a batch whose first row has the number `row`, or the record of one row."""
    if isinstance(piece, pa.RecordBatch):
        yield from records_of(piece, source, limit, "", row)
    else:
        yield _record(str(row), {name: piece[name] for name in source.columns if name in piece}, source, limit)


def _open(path: str, source: SourceConfig, cache: str) -> Opened:
    import datasets

    if not is_saved_folder(Path(path)):
        builder = datasets.load_dataset_builder(
            path, name=source.datasets.config, revision=source.datasets.revision, cache_dir=cache
        )
        rows = builder.as_streaming_dataset(split=source.datasets.split)
        features = rows.features
        in_batches = features is not None and isinstance(builder, datasets.ArrowBasedBuilder)
        # Unless it is told not to, the library decodes pictures and sounds of a folder on the hub ahead, in threads.
        return Opened(rows.decode(False) if features else rows, features, in_batches)
    saved = datasets.load_from_disk(path)
    if isinstance(saved, datasets.DatasetDict):
        if source.datasets.split not in saved:
            raise ValueError(
                f"dataset {path} has no split {source.datasets.split!r}, only {', '.join(saved)}: set split"
            )
        saved = saved[source.datasets.split]
    return Opened(saved, saved.features, in_batches=True)


def _batches(dataset: Opened) -> Iterator[pa.RecordBatch]:
    """The rows as Arrow has them: the library itself decodes all columns, and stops at the first value that is broken."""
    for table in dataset.rows.with_format("arrow").iter(BATCH_ROWS):
        yield from table.to_batches()


def _json_columns(features: "Features | None", source: SourceConfig) -> "Features | None":
    """The source's columns that the library keeps as JSON because their values are of several types."""
    if features is None:
        return None
    import datasets

    types = {name: features.arrow_schema.field(name).type for name in source.columns if name in features}
    found = {name: features[name] for name, type in types.items() if _holds_json(type)}
    return datasets.Features(found) if found else None


def _holds_json(type: pa.DataType) -> bool:
    return isinstance(type, pa.JsonType) or any(_holds_json(type.field(n).type) for n in range(type.num_fields))


def _parsed(record: Record, json: "Features", source: SourceConfig, limit: int) -> Record | Unreadable:
    """The record with the values of the columns `json` as they were before they became JSON."""
    try:
        fields = {**record.fields, **json.decode_example({name: record.fields[name] for name in json})}
    except ValueError as problem:
        return Unreadable(record.place, f"a value cannot be decoded: {first_line(problem)}", "", record.bytes)
    return _record(record.place, fields, source, limit)


def _record(place: str, fields: dict[str, object], source: SourceConfig, limit: int) -> Record | Unreadable:
    text = fields.get(source.text_field)
    size = len(text.encode(errors="replace")) if isinstance(text, str) else 0
    if size > limit:
        return Unreadable(place, too_large(size, limit), str(text)[:EXCERPT_BYTES], size)
    return Record(place, fields, size)
