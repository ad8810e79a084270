"""Megabytes of text per second that two workers clean beside one: the same shards as Ray tasks, in the same cluster.

Only here the reference is ours, too: what is asked is whether the work divides.
"""

import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from data.clean.clean import clean_shard
from data.clean.config import CleanConfig
from data.documents import SCHEMA
from data.tables import write_table
from orchestration.cluster import cluster
from orchestration.shard_map import map_shards
from orchestration.shards import Resources, Shard
from tests.benchmarks.corpus import documents
from tests.benchmarks.table import Row, compare, measure

SHARD_BYTES = 2_000_000
CORPUS_BYTES = 50_000_000
ROUNDS = 7


def rows() -> list[Row]:
    """The clean stage's work on 50 MB in 2 MB shards, with one worker and with two."""
    with tempfile.TemporaryDirectory() as temporary, cluster(None, 2):
        folder = Path(temporary)
        paths, size = write_shards(folder)
        shards = [Shard(path.stem, {"documents": path, "config": CleanConfig()}) for path in paths]
        contenders = {f"{number} workers": _contender(folder / "built", shards, number) for number in (1, 2)}
        seconds = measure("workers", contenders, ROUNDS)
    return [compare("cleaning by two workers", seconds, "2 workers", "1 workers", size / 1e6, "MB/s", "by one worker")]


def write_shards(folder: Path) -> tuple[list[Path], int]:
    """The corpus as document files of about `SHARD_BYTES`, and the bytes of its texts."""
    paths: list[Path] = []
    held: list[dict[str, object]] = []
    size = total = 0
    for number, text in enumerate(documents(CORPUS_BYTES)):
        held.append({"id": f"{number:032x}", "text": text, "source": "debian", "meta": "{}"})
        size += len(text.encode())
        if size >= SHARD_BYTES:
            paths.append(folder / f"{len(paths):05d}.parquet")
            write_table(paths[-1], held, SCHEMA)
            total, held, size = total + size, [], 0
    return paths, total


def _contender(folder: Path, shards: list[Shard], workers: int) -> Callable[[], None]:
    ignore: Callable[..., None] = lambda *_, **__: None  # noqa: E731
    run = partial(
        map_shards,
        clean_shard,
        shards,
        folder,
        "shards",
        Resources(workers=workers),
        on_event=ignore,
        on_done=ignore,
        should_stop=lambda: False,
    )

    def build() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        assert len(run()) == len(shards)

    return build
