"""Hugging Face `datasets`: a saved folder, a local dataset repository, or a dataset of the hub at a fixed revision."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from data.sources.files import SourceConfig
from data.sources.input import Limits
from data.sources.record import Record, Unreadable, too_large


def is_saved_folder(path: Path) -> bool:
    """Whether `path` was written by `Dataset.save_to_disk` or `DatasetDict.save_to_disk`."""
    return (path / "state.json").is_file() or (path / "dataset_dict.json").is_file()


def read_dataset(path: str, source: SourceConfig, limits: Limits) -> Iterator[Record | Unreadable]:
    """The rows of the split of a dataset (a folder, or a name on the hub), streamed; `place` is the row number.

    Raises ValueError when there is no such dataset, config, split or text column.
    """
    limit = limits.record_bytes
    with TemporaryDirectory() as cache:  # of streamed rows the library keeps none, but it puts lock files there
        for number, row in enumerate(_open(path, source, cache)):
            if number == 0 and source.text_field not in row:
                columns = ", ".join(row)
                raise ValueError(f"dataset {path} has no column {source.text_field!r}, only {columns}: set text_field")
            text = row.get(source.text_field)
            size = len(text.encode(errors="replace")) if isinstance(text, str) else 0
            if size > limit:
                yield Unreadable(str(number), too_large(size, limit), str(text)[:500], size)
            else:
                yield Record(str(number), {name: row[name] for name in source.columns if name in row}, size)


def _open(path: str, source: SourceConfig, cache: str) -> Iterable[Mapping[str, object]]:
    import datasets

    if not is_saved_folder(Path(path)):
        return datasets.load_dataset(
            path, name=source.config, split=source.split, revision=source.revision, streaming=True, cache_dir=cache
        )
    saved = datasets.load_from_disk(path)
    if isinstance(saved, datasets.DatasetDict):
        if source.split not in saved:
            raise ValueError(f"dataset {path} has no split {source.split!r}, only {', '.join(saved)}: set split")
        return saved[source.split]
    return saved
