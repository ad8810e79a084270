"""Hugging Face `datasets`: a saved folder, a local dataset repository, or a dataset of the hub at a fixed revision."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from data.sources.columns import BATCH_ROWS, records_of
from data.sources.files import SourceConfig
from data.sources.input import Limits
from data.sources.record import Record, Unreadable, first_line, too_large

if TYPE_CHECKING:
    from datasets import Dataset, Features, IterableDataset


class Opened(NamedTuple):
    """The split of a dataset."""

    rows: "Dataset | IterableDataset"
    features: "Features | None"  # the types of its columns where they are known
    batch_rows: int  # that may be asked for at once


def is_saved_folder(path: Path) -> bool:
    """Whether `path` was written by `Dataset.save_to_disk` or `DatasetDict.save_to_disk`."""
    return (path / "state.json").is_file() or (path / "dataset_dict.json").is_file()


def read_dataset(path: str, source: SourceConfig, limits: Limits) -> Iterator[Record | Unreadable]:
    """The rows of the split of a dataset (a folder, or a name on the hub), streamed; `place` is the row number.

    Of the columns only the source's are decoded; a row with a value that cannot be is unreadable. Raises ValueError when there
    is no such dataset, config, split or text column.
    """
    limit = limits.record_bytes
    with TemporaryDirectory() as cache:  # of streamed rows the library keeps none, but it puts lock files there
        dataset = _open(path, source, cache)
        json = _json_columns(dataset.features, source)
        row = 0
        for batch in _batches(dataset):
            names = batch.schema.names
            if row == 0 and source.text_field not in names:
                columns = ", ".join(names)
                raise ValueError(f"dataset {path} has no column {source.text_field!r}, only {columns}: set text_field")
            if source.text_field not in names:  # of a later file, where the types of the columns are not known
                batch = batch.append_column(source.text_field, pa.nulls(batch.num_rows))
            for record in records_of(batch, source, limit, "", row):
                yield _parsed(record, json, source, limit) if json and isinstance(record, Record) else record
            row += batch.num_rows


def _open(path: str, source: SourceConfig, cache: str) -> Opened:
    import datasets

    if not is_saved_folder(Path(path)):
        builder = datasets.load_dataset_builder(path, name=source.config, revision=source.revision, cache_dir=cache)
        rows = builder.as_streaming_dataset(split=source.split)
        features = rows.features
        # Tables are put together only when their types are equal; elsewhere each row has those of its own values.
        alike = features is not None and isinstance(builder, datasets.ArrowBasedBuilder)
        # The library decodes the pictures and sounds of a folder on the hub ahead, in threads, unless it is told not to.
        return Opened(rows.decode(False) if features else rows, features, BATCH_ROWS if alike else 1)
    saved = datasets.load_from_disk(path)
    if isinstance(saved, datasets.DatasetDict):
        if source.split not in saved:
            raise ValueError(f"dataset {path} has no split {source.split!r}, only {', '.join(saved)}: set split")
        saved = saved[source.split]
    return Opened(saved, saved.features, BATCH_ROWS)


def _batches(dataset: Opened) -> Iterator[pa.RecordBatch]:
    """The rows as Arrow has them: the library itself decodes all columns, and stops at the first value that is broken."""
    for table in dataset.rows.with_format("arrow").iter(dataset.batch_rows):
        yield from table.to_batches()


def _json_columns(features: "Features | None", source: SourceConfig) -> "Features | None":
    """Those of the source's columns that the library keeps as JSON, for their values are of several types."""
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
    text = fields[source.text_field]
    size = len(text.encode(errors="replace")) if isinstance(text, str) else record.bytes
    if size > limit:
        return Unreadable(record.place, too_large(size, limit), text[:500], size)
    return Record(record.place, fields, size)
