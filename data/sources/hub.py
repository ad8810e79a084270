"""Hugging Face `datasets`: a saved folder, a local dataset repository, or a dataset of the hub at a fixed revision."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from data.sources.record import Record, Unreadable, too_large


def is_saved_folder(path: Path) -> bool:
    """Whether `path` was written by `Dataset.save_to_disk` or `DatasetDict.save_to_disk`."""
    return (path / "state.json").is_file() or (path / "dataset_dict.json").is_file()


def read_dataset(
    path: str, config: str | None, split: str, revision: str | None, columns: tuple[str, ...], limit: int
) -> Iterator[Record | Unreadable]:
    """The rows of a dataset's split, streamed; `columns[0]` is the text, `place` the row number.

    Raises ValueError when there is no such dataset, config, split or text column.
    """
    with TemporaryDirectory() as cache:  # of streamed rows the library keeps none, but it puts lock files there
        for number, row in enumerate(_open(path, config, split, revision, cache)):
            if number == 0 and columns[0] not in row:
                raise ValueError(f"dataset {path} has no column {columns[0]!r}, only {', '.join(row)}: set text_field")
            text = row.get(columns[0])
            size = len(text.encode(errors="replace")) if isinstance(text, str) else 0
            if size > limit:
                yield Unreadable(number, too_large(size, limit), str(text)[:500], size)
            else:
                yield Record(number, {name: row[name] for name in columns if name in row}, size)


def _open(
    path: str, config: str | None, split: str, revision: str | None, cache: str
) -> Iterable[Mapping[str, object]]:
    import datasets

    if not is_saved_folder(Path(path)):
        return datasets.load_dataset(path, name=config, split=split, revision=revision, streaming=True, cache_dir=cache)
    saved = datasets.load_from_disk(path)
    if isinstance(saved, datasets.DatasetDict):
        if split not in saved:
            raise ValueError(f"dataset {path} has no split {split!r}, only {', '.join(saved)}: set split")
        return saved[split]
    return saved
