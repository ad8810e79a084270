"""Long documents in parts: no character is lost, parts end where a reader would end them, and ids name the parent."""

import json
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.dedup.config import ContaminationConfig, DedupConfig, PartsConfig
from data.dedup.contamination import read_benchmark
from data.dedup.dedup import dedup_shard, resolve_duplicates, sign_shard
from data.dedup.parts import cut, parts_of
from data.documents import SCHEMA
from data.tables import read_table, write_table

PARAGRAPH = "The river rose that night, and nobody in the village slept. In the morning the bridge was gone."


@given(st.text(alphabet=st.sampled_from("ab .\n。é😀\u0301"), max_size=400), st.integers(8, 60))
def test_parts_joined_are_the_text_and_none_is_too_long(text: str, most: int) -> None:
    parts = cut(text, most)
    assert "".join(parts) == text
    assert all(len(part.encode()) <= most for part in parts)
    assert len(parts) == 1 or all(parts)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("\n\n".join([PARAGRAPH] * 20), "gone.\n\n"),
        ("\n".join([PARAGRAPH] * 20), "gone.\n"),
        (" ".join([PARAGRAPH] * 20), ". "),
        ("word " * 500, "word "),
        ("夜里河水涨了。村里没有人睡觉。" * 40, "。"),
        ("x" * 2000, "x"),
    ],
)
def test_a_part_ends_at_the_best_place(text: str, end: str) -> None:
    parts = cut(text, 600)
    assert len(parts) > 2
    assert all(part.endswith(end) for part in parts[:-1])
    assert len(parts[-1].encode()) > 100, "parts are about equally long"


def test_a_text_that_is_short_enough_stays_whole() -> None:
    assert cut("x" * 600, 600) == ["x" * 600]
    assert cut("", 600) == [""]


def test_only_a_few_documents_are_cut() -> None:
    config = DedupConfig(parts=PartsConfig(under_documents=50))
    assert parts_of(config, 49) == config.parts
    assert parts_of(config, 50) is None
    assert parts_of(DedupConfig(parts=None), 1) is None


def deduplicated(folder: Path, texts: dict[str, str], config: DedupConfig, tasks: Path) -> dict[str, Any]:
    rows = [
        {"id": id, "text": text, "source": "s", "uri": id, "license": "", "meta": "{}"} for id, text in texts.items()
    ]
    write_table(folder / "in.parquet", rows, SCHEMA)
    sign_shard(folder, folder / "in.parquet", config)
    resolve_duplicates(folder, [folder / "signatures.parquet"], [], config)
    assert config.contamination
    read_benchmark(folder, {"tasks": tasks}, config.contamination)
    return dedup_shard(folder, folder / "in.parquet", folder / "duplicates.parquet", config, folder, config.parts)


def test_long_documents_are_cut_and_duplicates_are_not(tmp_path: Path) -> None:
    long = "\n\n".join(f"In the house {name * 3}. {PARAGRAPH}" for name in ascii_lowercase)
    (tmp_path / "tasks.jsonl").write_text(json.dumps({"question": f"In the house mmm. {PARAGRAPH}"}))
    config = DedupConfig(
        minhash=None,
        parts=PartsConfig(kilobytes=1),
        contamination=ContaminationConfig(files=("tasks.jsonl",), ngram=19),
    )
    counts = deduplicated(tmp_path, {"a": long, "b": long, "c": "Short."}, config, tmp_path / "tasks.jsonl")
    kept = read_table(tmp_path / "documents-00000.parquet").to_pylist()
    dropped = read_table(tmp_path / "rejected.parquet").to_pylist()
    number = counts["documents_added"] + 1
    assert (counts["documents_cut"], counts["documents_in"]) == (1, 3)
    assert {row["id"] for row in [*kept, *dropped]} == {"b", "c", *(f"a/{n}" for n in range(1, number + 1))}
    assert {row["id"]: row["rule"] for row in dropped}["b"] == "exact_duplicate"
    assert {row["rule"] for row in dropped if row["id"].startswith("a/")} == {"contaminated"}
    assert len(kept) > 2, "a part with a question of the tasks takes no other part with it"
    assert counts["documents_in"] + counts["documents_added"] == len(kept) + len(dropped)
    assert all(row["uri"] == "a" for row in kept if row["id"].startswith("a/"))
