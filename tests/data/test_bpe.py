"""The vocabulary: exact round trips, special tokens in text, determinism, and the cached encoder against `tokenizers`."""

import json
import random
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from data.bpe import (
    END_OF_TEXT,
    PAD,
    DocumentEncoder,
    VocabConfig,
    encode_documents,
    load_tokenizer,
    train_tokenizer,
)
from data.documents import SCHEMA, document_id, write_table

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


@pytest.fixture(scope="module", params=["llama3", "gpt2"])
def tokenizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("bpe")
    train(
        folder / "out",
        write(folder / "in", make_documents(20)),
        pre_tokenizer=request.param,
        special_tokens=["<|user|>"],
    )
    return load_tokenizer(folder / "out" / "tokenizer.json")


@settings(max_examples=200, deadline=None)
@given(text=st.text(max_size=60))
@example(text="don't  DON'T\r\n\r\n  x\t1234567 ½ ①")
@example(text="<|endoftext|> a<|pad|><|user|>\0")
@example(text="\u0558 \ua7ce \U00011de0")  # assigned in some Unicode versions only
@example(text="'ſ 'ſ\u200b\u0085\x1c")
def test_round_trip_and_equality_with_tokenizers(tokenizer: Tokenizer, text: str) -> None:
    (ids,) = encode_documents(tokenizer, [text])
    assert ids.tolist() == tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids
    assert tokenizer.decode(ids.tolist(), skip_special_tokens=False) == text


def test_every_code_point_is_encoded_as_tokenizers_does(tokenizer: Tokenizer) -> None:
    """Catches a tiktoken whose Unicode tables differ from those of `tokenizers`; 64 code points a text."""
    points = [chr(point) for point in range(0x30000) if not 0xD800 <= point < 0xE000]
    texts = ["a".join(points[start : start + 64]) for start in range(0, len(points), 64)]
    ours = [ids.tolist() for ids in DocumentEncoder(tokenizer).encode(texts)]
    assert ours == [encoding.ids for encoding in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]


def test_special_tokens_have_fixed_ids_and_never_come_from_text(tokenizer: Tokenizer) -> None:
    assert [tokenizer.id_to_token(number) for number in range(3)] == [END_OF_TEXT, PAD, "<|user|>"]
    text = f"one{END_OF_TEXT}two {PAD} <|user|>"
    for ids in (encode_documents(tokenizer, [text])[0].tolist(), tokenizer.encode(text).ids):
        assert min(ids) > 2
        assert tokenizer.decode(ids) == text


@pytest.mark.parametrize(
    "text", [" " * 1_200_000 + "x", "\n " * 60_000, "\t\x0b" * 60_000 + "1", "a" * 100_000, "!" * 100_000]
)
def test_a_long_run_is_encoded_exactly_and_in_bounded_time(tokenizer: Tokenizer, text: str) -> None:
    begun = time.perf_counter()
    (ids,) = encode_documents(tokenizer, [text])
    assert time.perf_counter() - begun < 60
    assert ids.tolist() == tokenizer.encode(text).ids


def test_a_foreign_tokenizer_is_refused(tokenizer: Tokenizer) -> None:
    content = json.loads(tokenizer.to_str())
    merges = content["model"]["merges"]
    merges[0], merges[-1] = merges[-1], merges[0]
    with pytest.raises(ValueError, match="as trained by this program"):
        DocumentEncoder(Tokenizer.from_str(json.dumps(content)))


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
    tokenizer = load_tokenizer(tmp_path / "o" / "tokenizer.json")
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
        tokens = load_tokenizer(tmp_path / name / "tokenizer.json").encode(" 12345678 12345678").tokens
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


def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ValueError, match=r"tokenizer\.json: not a tokenizer"):
        load_tokenizer(tmp_path / "tokenizer.json")
