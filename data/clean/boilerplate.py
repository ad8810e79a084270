"""Boilerplate: lines that repeat over many documents of a source, such as headers, footers and menus.

A map, a shuffle and a reduce over a corpus of any size, then a look-up:

1. `count_lines` counts for one shard of documents in how many of them each line stands, by source.
2. `repeated_lines` adds up the counts of the lines that fall to one partition, and keeps the lines that are frequent.
3. `Boilerplate` takes these lines out of a text.

Lines are compared after the normalisation that near-duplicates have too: case, punctuation, diacritics and the digits of
numbers do not matter, so "Page 3 of 10" is one line throughout. Only their 64-bit hashes are kept. What is dropped depends
neither on how the corpus was cut into shards nor on the number of partitions.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import xxhash

from data.clean.config import BoilerplateConfig, CleanConfig
from data.tables import read_table, write_table
from data.text.words import normalize

_NOT_COUNTED = str.maketrans("", "", "0 ")  # A normalised line has a 0 for every number.


def count_lines(out: Path, documents: Path, config: CleanConfig, partitions: int) -> dict[str, Any]:
    """Write counts.parquet (partition, source, line, documents) and sources.parquet (source, documents) of a shard, of the
    sources whose rules cut boilerplate.

    A line falls to the partition of its hash's remainder; rows are sorted, so that a partition's rows stand together.
    """
    documents_by_source: Counter[str] = Counter()
    lines_by_source: defaultdict[str, list[np.ndarray]] = defaultdict(list)
    for batch in pq.ParquetFile(documents).iter_batches(256, columns=["text", "source"]):
        for row in batch.to_pylist():
            rules = config.rules_of(row["source"]).boilerplate
            if rules is None:
                continue
            documents_by_source[row["source"]] += 1
            keys = {_key(line, row["source"], rules) for line in row["text"].split("\n")} - {0}
            lines_by_source[row["source"]].append(np.fromiter(keys, np.uint64, len(keys)))

    schema = pa.schema([("partition", pa.uint32()), *_line_schema()])
    tables = [schema.empty_table()]
    for source in sorted(lines_by_source):
        lines, counts = np.unique(np.concatenate(lines_by_source[source]), return_counts=True)
        columns = [lines % np.uint64(partitions), pa.repeat(source, len(lines)), lines, counts]
        tables.append(pa.table([pa.array(column) for column in columns], schema.names).cast(schema))
    order = [(name, "ascending") for name in ("partition", "source", "line")]
    write_table(out / "counts.parquet", pa.concat_tables(tables).sort_by(order), schema)
    totals: list[dict[str, object]] = [
        {"source": name, "documents": n} for name, n in sorted(documents_by_source.items())
    ]
    write_table(out / "sources.parquet", totals, pa.schema([("source", pa.string()), ("documents", pa.uint64())]))
    return {"documents": documents_by_source.total(), "lines": sum(map(len, tables))}


def _line_schema() -> pa.Schema:

    return pa.schema([("source", pa.string()), ("line", pa.uint64()), ("documents", pa.uint64())])


def repeated_lines(out: Path, counts: list[Path], partition: int, config: CleanConfig) -> dict[str, Any]:
    """Write repeated.parquet (source, line, documents): the boilerplate among the lines that fall to `partition`.

    `counts` are the counts.parquet of all shards, each with its sources.parquet beside it.
    """
    schema = _line_schema()
    mine = [pq.read_table(file, columns=schema.names, filters=[("partition", "=", partition)]) for file in counts]
    # With one thread the groups come in the order of the rows.
    groups = pa.concat_tables([schema.empty_table(), *mine]).group_by(["source", "line"], use_threads=False)
    lines = groups.aggregate([("documents", "sum")]).rename_columns(schema.names)
    least = _least_documents(counts, config)
    source = pc.index_in(lines["source"], pa.array(least, pa.string())).to_numpy()
    enough = lines["documents"].to_numpy() >= np.array([*least.values()], np.float64)[source]
    repeated = lines.filter(pa.array(enough)).sort_by([("source", "ascending"), ("line", "ascending")])
    write_table(out / "repeated.parquet", repeated, schema)
    return {"lines": len(lines), "repeated": len(repeated)}


def _least_documents(counts: list[Path], config: CleanConfig) -> dict[str, float]:
    """By source, the number of documents from which on a line is boilerplate."""
    documents: Counter[str] = Counter()
    for file in counts:
        for row in read_table(file.with_name("sources.parquet")).to_pylist():
            documents[row["source"]] += row["documents"]
    limits = {source: config.rules_of(source).boilerplate for source in documents}
    return {
        source: max(rules.min_documents, rules.min_fraction * documents[source])
        for source, rules in limits.items()
        if rules
    }


@dataclass(frozen=True)
class Boilerplate:
    """The lines that are boilerplate in their source."""

    lines: np.ndarray  # hashes, sorted, uint64
    config: BoilerplateConfig

    @classmethod
    def load(cls, repeated: list[Path], config: BoilerplateConfig) -> "Boilerplate":
        """From the repeated.parquet of all partitions."""
        lines = [read_table(file, ["line"])["line"].to_numpy() for file in repeated]
        return cls(np.unique(np.concatenate([np.empty(0, np.uint64), *lines])), config)

    def strip(self, text: str, source: str) -> tuple[str, int]:
        """`text` without the lines that are boilerplate in `source`, and how many these were."""
        if not len(self.lines):
            return text, 0
        lines = text.split("\n")
        keys = np.array([_key(line, source, self.config) for line in lines], np.uint64)
        places = np.minimum(np.searchsorted(self.lines, keys), len(self.lines) - 1)
        stays = self.lines[places] != keys
        if stays.all():
            return text, 0
        kept = [line for line, stay in zip(lines, stays.tolist(), strict=True) if stay]
        return "\n".join(kept).strip(), len(lines) - len(kept)


def _key(line: str, source: str, config: BoilerplateConfig) -> int:
    """A hash of the normalised line and its source; 0 for a line too short to count."""
    if len(line) < config.min_characters:
        return 0
    line = normalize(line)
    if len(line.translate(_NOT_COUNTED)) < config.min_characters:
        return 0
    return xxhash.xxh3_64_intdigest(f"{source}\0{line}".encode())
