"""Training a vocabulary: determinism, its sample and its report."""

import json
import random
from pathlib import Path

import pytest

from data.documents import SCHEMA, document_id
from data.tables import write_table
from data.tokens.bpe import train_tokenizer
from data.tokens.config import END_OF_TEXT, VocabConfig
from data.tokens.vocabulary import load_vocabulary

WORDS = [
    "the",
    "of",
    "and",
    "to",
    "people",
    "government",
    "congress",
    "war",
    "peace",
    "1862",
    "12345",
    "naïve",
    "国民",
    "\n\n",
]
WORDS += ["in", "country", "states", "don't", "We'll", ":-)", "...", "aaaa", "abababab", "xyzw"]


def make_documents(count: int, source: str = "a") -> list[dict[str, object]]:
    generator = random.Random(source)
    rows = []
    for number in range(count):
        text = " ".join(generator.choices(WORDS, k=200))
        rows.append({"id": document_id(source, str(number)), "text": text, "source": source, "uri": "", "license": ""})
    return rows


def write(folder: Path, *shards: list[dict[str, object]]) -> list[Path]:
    folder.mkdir()
    paths = [folder / f"documents-{number:05d}.parquet" for number in range(len(shards))]
    for path, rows in zip(paths, shards, strict=True):
        write_table(path, rows, SCHEMA)
    return paths


def train(folder: Path, paths: list[Path], **config) -> tuple[bytes, dict, dict]:
    folder.mkdir()
    counts = train_tokenizer(folder, paths, VocabConfig(**{"size": 400, **config}), seed=1)
    return (folder / "tokenizer.json").read_bytes(), json.loads((folder / "report.json").read_text()), counts


def test_result_depends_neither_on_order_nor_on_shards(tmp_path: Path) -> None:
    rows = make_documents(30) + make_documents(10, "b")
    mixed = random.Random(0).sample(rows, len(rows))
    one = train(tmp_path / "o1", write(tmp_path / "i1", rows), sample_mb=0.02)
    other = train(tmp_path / "o2", write(tmp_path / "i2", mixed[:7], mixed[7:25], mixed[25:]), sample_mb=0.02)
    assert one == other
    assert 0 < one[2]["documents_out"] < one[2]["documents_in"] == 40
    assert one[2]["dropped"] == {"outside_sample": 40 - one[2]["documents_out"]}


def test_sample_is_about_as_large_as_asked_for(tmp_path: Path) -> None:
    rows = make_documents(400)
    total = sum(len(str(row["text"]).encode()) for row in rows)
    _, report, counts = train(tmp_path / "o", write(tmp_path / "i", rows), sample_mb=total / 4 / 1e6)
    assert counts["sampled_bytes"] == report["sample"]["bytes"] == pytest.approx(total / 4, rel=0.25)


def test_report_counts_bytes_per_token(tmp_path: Path) -> None:
    rows = make_documents(10) + make_documents(5, "b")
    _, report, counts = train(tmp_path / "o", write(tmp_path / "i", rows))
    tokenizer = load_vocabulary(tmp_path / "o" / "tokenizer.json").tokenizer
    texts = [str(row["text"]) for row in rows if row["source"] == "b"]
    tokens = sum(len(encoding.ids) for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False))
    assert report["sources"]["b"]["bytes_per_token"] == pytest.approx(
        sum(len(t.encode()) for t in texts) / tokens, abs=1e-4
    )
    assert report["sources"]["a"]["documents"] == 10
    assert report["vocab_size"] == counts["vocab_size"] == tokenizer.get_vocab_size() <= 400
    assert "government" in report["longest_tokens"][0]


def test_pre_tokenizers_cut_numbers_differently(tmp_path: Path) -> None:
    rows = [{"id": str(n), "text": "12345678 " * 50, "source": "a", "uri": "", "license": ""} for n in range(3)]
    paths = write(tmp_path / "i", rows)
    for name, longest in (("llama3", 3), ("gpt2", 9)):  # gpt2 keeps the space and all digits together
        train(tmp_path / name, paths, pre_tokenizer=name)
        tokens = load_vocabulary(tmp_path / name / "tokenizer.json").tokenizer.encode(" 12345678 12345678").tokens
        assert max(map(len, tokens)) == longest


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"size": 257}, "size: 257 is too small"),
        ({"special_tokens": [END_OF_TEXT]}, "special_tokens"),
        ({"special_tokens": ["<a>", "<a>"]}, "special_tokens"),
        ({"sample_mb": 0}, "sample_mb"),
        ({"sise": 1}, "sise"),
    ],
)
def test_wrong_configs_are_refused(fields: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VocabConfig(**fields)


def test_no_text_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no text to train on"):
        train(tmp_path / "o", write(tmp_path / "i", []))
