"""Rules by source: each document passes the chain of its own source, and what it loses is counted by source and rule."""

from pathlib import Path
from typing import Any

import pytest

from data.clean.annotate import FILE, annotate_shard
from data.clean.annotate_config import AnnotateConfig
from data.clean.boilerplate import count_lines, repeated_lines
from data.clean.by_source import joined_counts
from data.clean.chain import ChainInputs
from data.clean.clean import clean_shard
from data.clean.config import CleanConfig
from data.clean.resolve import resolved
from data.documents import SCHEMA
from data.tables import read_table, write_table

TEXTS = {
    "short": "A few words. Write to jane@town.org.",
    "code": "if (x) { y(); }  // ask jane@town.org",
    "noise": "\x00" * 50,
}
CONFIG = resolved(
    CleanConfig(sources={"crawl": {"preset": "web"}, "code": {"preset": "code"}}), dict.fromkeys(("crawl", "code"))
)


def written(path: Path, sources: tuple[str, ...], texts: dict[str, str]) -> Path:
    rows = [
        {"id": f"{source}-{name}", "text": text, "source": source, "uri": "", "license": "", "meta": "{}"}
        for name, text in texts.items()
        for source in sources
    ]
    write_table(path, rows, SCHEMA)
    return path


def test_each_document_passes_the_chain_of_its_source(tmp_path: Path) -> None:
    counts = clean_shard(tmp_path, written(tmp_path / "in.parquet", ("crawl", "code"), TEXTS), CONFIG)
    kept = {row["id"]: row["text"] for row in read_table(tmp_path / "documents-00000.parquet").to_pylist()}
    assert kept == {
        name: TEXTS[name.partition("-")[2]].replace("jane@town.org", "<EMAIL>") for name in ("code-short", "code-code")
    }
    crawl, code = counts["by_source"]["crawl"], counts["by_source"]["code"]
    assert code == {
        "documents_in": 3,
        "documents_out": 2,
        "bytes_in": sum(map(len, TEXTS.values())),
        "bytes_out": sum(map(len, kept.values())),
        "dropped": {"not_text.control_characters": 1},
        "bytes_dropped": {"not_text.control_characters": 50},
        "examples": {"not_text.control_characters": ["code-noise"]},
    }
    assert (crawl["documents_in"], crawl["documents_out"], sum(crawl["dropped"].values())) == (3, 0, 3)
    assert counts["documents_out"] == 2


def test_counts_of_shards_are_joined_in_their_order_with_three_examples(tmp_path: Path) -> None:
    noise = {f"n{n}": "\x00" * 10 for n in range(5)}
    shards: list[dict[str, Any]] = []
    for number, names in enumerate((["n0", "n1"], ["n2", "n3", "n4"])):
        out = tmp_path / str(number)
        out.mkdir()
        documents = written(out / "in.parquet", ("code",), {name: noise[name] for name in names})
        shards.append(clean_shard(out, documents, CONFIG)["by_source"])
    assert joined_counts(shards) == {
        "code": {
            **{"documents_in": 5, "documents_out": 0, "bytes_in": 50, "bytes_out": 0},
            "dropped": {"not_text.control_characters": 5},
            "bytes_dropped": {"not_text.control_characters": 50},
            "examples": {"not_text.control_characters": ["code-n0", "code-n1", "code-n2"]},
        }
    }
    assert joined_counts([]) == {}


def test_boilerplate_is_cut_only_where_the_rules_of_the_source_say_so(tmp_path: Path) -> None:
    menu = "Home, News, Contact, Imprint"
    documents = written(
        tmp_path / "in.parquet", ("site", "notes"), {f"d{n}": f"{menu}\nText {n * 7919}." for n in range(3)}
    )
    begin = CleanConfig(preset="none", sources={"site": {"boilerplate": {"min_documents": 3}}})
    config = resolved(begin, {"site": "none", "notes": "none"})
    assert count_lines(tmp_path, documents, config, 1)["documents"] == 3
    repeated_lines(tmp_path, [tmp_path / "counts.parquet"], 0, config)
    clean_shard(tmp_path, documents, config, ChainInputs(repeated=[tmp_path / "repeated.parquet"]))
    with_menu = {
        row["source"] for row in read_table(tmp_path / "documents-00000.parquet").to_pylist() if menu in row["text"]
    }
    assert with_menu == {"notes"}


def test_measures_of_annotate_have_to_fit_the_rules_of_every_source(tmp_path: Path) -> None:
    documents = written(tmp_path / "in.parquet", ("a", "b"), {"text": "Some words of a text that is short."})
    annotate = AnnotateConfig()
    annotate_shard(tmp_path, documents, annotate, tmp_path)
    wrong = resolved(CleanConfig(sources={"b": {"preset": "web", "words": "punctuation"}}), {"a": "none", "b": "web"})
    with pytest.raises(ValueError, match="words"):
        clean_shard(tmp_path, documents, wrong, ChainInputs(annotate=annotate), tmp_path / FILE)
    books = resolved(CleanConfig(preset="books"), {"a": None, "b": None})
    with pytest.raises(ValueError, match="lines"):
        clean_shard(tmp_path, documents, books, ChainInputs(annotate=annotate), tmp_path / FILE)
