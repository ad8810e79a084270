"""Megabytes per second of one thread from JSON Lines and Parquet to document shards: collect beside pyarrow and orjson.

The stage reads, normalises, gives ids and places, keeps apart what cannot be read, and writes. The first rows are beside a
program of pyarrow's calls that reads and writes the same columns; the others beside a library that reads and does nothing
else, which no stage that has to write zstd can come near to.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from data.collect.collect import collect_shard, plan_shards
from data.collect.config import CollectConfig
from data.sources.config import SourceConfig
from tests.benchmarks.corpus import documents
from tests.benchmarks.table import Row, compare, in_turn, measure, parts_of

# Of 10 MB: a round takes the next, so that the contenders take turns every tenth of a second. An odd number, since their
# order changes every round.
PARTS = 5
ROUNDS = 5 * PARTS


def rows() -> list[Row]:
    """The same texts in both formats; pyarrow writes its table as ours is written, in zstd Parquet."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    texts = documents()
    size = sum(len(text.encode()) for text in texts) / PARTS / 1e6
    with tempfile.TemporaryDirectory() as temporary:
        parts = [_contenders(Path(temporary) / str(at), part) for at, part in enumerate(parts_of(texts, PARTS))]
        seconds = measure("reading", {name: in_turn([part[name] for part in parts]) for name in parts[0]}, ROUNDS)
    return [
        compare(f"reading {kind}, whole stage", seconds, f"ours, {kind}", reference, size, "MB/s")
        for kind, reference in (
            ("JSON Lines", "pyarrow read_json, write_table"),
            ("JSON Lines", "orjson alone"),
            ("Parquet", "pyarrow read_table, write_table"),
            ("Parquet", "pyarrow read_table alone"),
        )
    ]


def _contenders(folder: Path, texts: list[str]) -> dict[str, Callable[[], object]]:
    folder.mkdir()
    records = [{"text": text, "uri": f"page-{number}"} for number, text in enumerate(texts)]
    lines, table = folder / "texts.jsonl", folder / "texts.parquet"
    lines.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    pq.write_table(pa.Table.from_pylist(records), table)
    in_one_thread = pyarrow.json.ReadOptions(use_threads=False)

    def read_lines() -> pa.Table:
        return pyarrow.json.read_json(lines, read_options=in_one_thread)

    def read_parquet() -> pa.Table:
        return pq.read_table(table, use_threads=False)

    return {
        "ours, JSON Lines": collect(lines, len(texts)),
        "pyarrow read_json, write_table": lambda: write(folder, read_lines()),
        "orjson alone": lambda: parse(lines),
        "ours, Parquet": collect(table, len(texts)),
        "pyarrow read_table, write_table": lambda: write(folder, read_parquet()),
        "pyarrow read_table alone": read_parquet,
    }


def collect(path: Path, documents: int) -> Callable[[], None]:
    config = CollectConfig(sources=[SourceConfig(name="texts", path=path.name, uri_field="uri")], shard_mb=1024)
    [shard] = plan_shards(config, path.parent)
    out = path.with_name(f"{path.name}.out")
    out.mkdir()

    def run() -> None:
        assert collect_shard(out, shard, config)["documents_in"] == documents

    return run


def parse(path: Path) -> None:
    with path.open("rb") as lines:
        for line in lines:
            orjson.loads(line)


def write(folder: Path, table: pa.Table) -> None:
    pq.write_table(table, folder / "reference.parquet", compression="zstd")
