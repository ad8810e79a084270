"""The goldens of collect: every format and compression, both extractors, repairs of text, what was withdrawn, and damage."""

from functools import partial
from pathlib import Path

from data.collect.collect import CollectConfig, CollectShard, SourceConfig, collect_shard, plan_shards
from data.sources.config import TextConfig
from data.sources.listing import list_files
from data.sources.split import split
from pipeline.goldens.content import Golden, Values, shards_made
from pipeline.goldens.sources import COMPRESSED, write_sources

FIELDS = {"id_field": "id", "uri_field": "url", "license": "CC0-1.0"}
MORE_FIELDS = {**FIELDS, "date_field": "date", "license_field": "license", "meta_fields": ["topic"]}
PART_BYTES = 300  # of a file that is read in parts

SOURCES = [
    SourceConfig(name="text", path="plain.txt", license="CC0-1.0"),
    SourceConfig(name="markdown", path="notes.md"),
    SourceConfig(name="lines", path="lines.txt", text=TextConfig(documents="line")),
    SourceConfig(name="jsonl", path="records.jsonl", **{**MORE_FIELDS, "meta_fields": ["topic", "n"]}),
    *(SourceConfig(name=f"jsonl{s}".replace(".", "-"), path=f"records.jsonl{s}", **FIELDS) for s in COMPRESSED),
    SourceConfig(name="csv", path="table.csv", **FIELDS),
    SourceConfig(name="tsv", path="table.tsv", **FIELDS),
    SourceConfig(name="parquet", path="table.parquet", **MORE_FIELDS),
    SourceConfig(name="arrow", path=["table.arrow", "stream.arrow"], **MORE_FIELDS),
    SourceConfig(name="datasets", path="dataset", format="datasets", **MORE_FIELDS),
    SourceConfig(name="parquet-typed", path="typed.parquet", id_field="n", meta_fields=["x", "when", "tags", "b"]),
    SourceConfig(
        name="datasets-saved", path="saved", format="datasets", id_field="n", meta_fields=["x", "when", "tags"]
    ),
    SourceConfig(name="html", path="page.html"),
    SourceConfig(name="html-trafilatura", path="page.html", extractor="trafilatura"),
    SourceConfig(name="epub", path="book.epub"),
    SourceConfig(name="warc", path="pages.warc"),
    SourceConfig(name="warc-gz", path="pages.warc.gz"),
    SourceConfig(name="wikipedia", path="en-pages-articles.xml"),
    SourceConfig(name="wikipedia-variants", path="zh-pages-articles.xml"),
    SourceConfig(name="archive-zip", path="all.zip"),
    SourceConfig(name="archive-tar", path=["all.tar", "all.tar.gz"]),
    SourceConfig(name="repairs", path="troubles.jsonl"),
    SourceConfig(name="damaged", path="damaged"),
]
REPAIRS_WITHOUT_FTFY = SourceConfig(name="nfc", path="troubles.jsonl")
CUT_FILES = ("cut.jsonl", "cut.jsonl.bz2", "cut.jsonl.zst", "cut.parquet", "cut.arrow")


def _collect(source: SourceConfig, folder: Path) -> Values:
    """Collect a source as a whole."""
    config = CollectConfig(sources=[source], withdrawn="withdrawn.txt")
    write_sources(folder / "sources")
    return _collect_shards(folder, plan_shards(config, folder / "sources"), config)


def _collect_without_ftfy(folder: Path) -> Values:
    config = CollectConfig(sources=[REPAIRS_WITHOUT_FTFY], normalise="nfc")
    write_sources(folder / "sources")
    return _collect_shards(folder, plan_shards(config, folder / "sources"), config)


def _collect_in_parts(path: str, folder: Path) -> Values:
    """Collect a file in many small parts, each a shard."""
    source = SourceConfig(name="cut", path=path, id_field="id")
    config = CollectConfig(sources=[source])
    write_sources(folder / "sources")
    (file,) = list_files(config.sources, folder / "sources")
    parts = split(file, source, PART_BYTES)
    assert len(parts) > 1
    shards = [CollectShard(f"{number:02d}", source.name, (part,)) for number, part in enumerate(parts)]
    return _collect_shards(folder, shards, config)


def _collect_shards(folder: Path, shards: list[CollectShard], config: CollectConfig) -> Values:
    outs = [folder / shard.key for shard in shards]
    for out in outs:
        out.mkdir()
    counts = [collect_shard(out, shard, config) for out, shard in zip(outs, shards, strict=True)]
    return shards_made(outs, counts)


GOLDENS: dict[str, Golden] = {
    **{source.name: partial(_collect, source) for source in SOURCES},
    "nfc": _collect_without_ftfy,
    **{path: partial(_collect_in_parts, path) for path in CUT_FILES},
}
