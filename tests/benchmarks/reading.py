"""Megabytes per second of one thread from JSON Lines and Parquet to document tables: collect beside pyarrow.

pyarrow only moves the columns; collect also normalises the text, gives ids and places, and keeps what cannot be read.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from data.collect import CollectConfig, SourceConfig, collect_shard, plan_shards
from tests.benchmarks.sample import pieces
from tests.benchmarks.table import Row, compare, measure


def rows() -> list[Row]:
    """The same 3,500 texts in both formats; the reference writes its table as ours is written, in zstd Parquet."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    texts = pieces()
    size = sum(len(text.encode()) for text in texts) / 1e6
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        records = [{"text": text, "uri": f"page-{number}"} for number, text in enumerate(texts)]
        lines, table = folder / "texts.jsonl", folder / "texts.parquet"
        lines.write_text("".join(json.dumps(record) + "\n" for record in records))
        pq.write_table(pa.Table.from_pylist(records), table)
        read = pyarrow.json.ReadOptions(use_threads=False)
        seconds = measure(
            "reading",
            {
                "ours, JSON Lines": collect(lines, len(texts)),
                "pyarrow, JSON Lines": lambda: write(folder, pyarrow.json.read_json(lines, read_options=read)),
                "ours, Parquet": collect(table, len(texts)),
                "pyarrow, Parquet": lambda: write(folder, pq.read_table(table, use_threads=False)),
            },
        )
    return [
        compare(f"reading {kind}, whole stage", seconds, f"ours, {kind}", f"pyarrow, {kind}", size, "MB/s", call)
        for kind, call in (
            ("JSON Lines", "pyarrow read_json, write_table"),
            ("Parquet", "pyarrow read_table, write_table"),
        )
    ]


def collect(path: Path, documents: int) -> Callable[[], None]:
    config = CollectConfig(sources=[SourceConfig(name="texts", path=path.name, uri_field="uri")])
    [shard] = plan_shards(config, path.parent)
    out = path.with_name(f"{path.name}.out")
    out.mkdir()

    def run() -> None:
        assert collect_shard(out, shard, config)["documents_out"] == documents

    return run


def write(folder: Path, table: pa.Table) -> None:
    pq.write_table(table, folder / "reference.parquet", compression="zstd")
