"""Tokenization: every document in its split, exact tokens and provenance, counts that add up."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from data.documents import SCHEMA, document_id
from data.tables import write_table
from data.tokens.bpe import train_tokenizer
from data.tokens.config import END_OF_TEXT, TokenizeConfig, VocabConfig
from data.tokens.splits import split_of
from data.tokens.token_shards import TokenShard, list_token_shards
from data.tokens.tokenize import check_dtype, provenance, tokenize_shard
from data.tokens.vocabulary import load_vocabulary

CONFIG = TokenizeConfig(validation=0.2, test=0.2)


def make_rows(count: int, source: str) -> list[dict[str, object]]:
    return [
        {
            "id": document_id(source, str(number)),
            "text": f"Document {number} of {source}: größer{' words' * number}. {END_OF_TEXT}",
            "source": source,
            "uri": f"file://{source}#{number}",
            "license": "CC0-1.0",
        }
        for number in range(count)
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenize")
    write_table(folder / "documents.parquet", make_rows(30, "my-source") + make_rows(3, "b"), SCHEMA)
    train_tokenizer(folder, [folder / "documents.parquet"], VocabConfig(size=300), seed=0)
    return folder


def run(folder: Path, out: Path, config: TokenizeConfig = CONFIG) -> dict:
    out.mkdir(parents=True)
    return tokenize_shard(out, folder / "documents.parquet", folder / "tokenizer.json", config)


def test_every_document_is_in_its_split_with_its_tokens_and_origin(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "00000")
    tokenizer = load_vocabulary(folder / "tokenizer.json").tokenizer
    rows = {str(row["id"]): row for row in make_rows(30, "my-source") + make_rows(3, "b")}
    found = []
    for entry in list_token_shards(tmp_path):
        shard = TokenShard.open(entry.prefix)
        assert (len(shard), len(shard.tokens)) == (entry.documents, entry.tokens)
        for number in range(len(shard)):
            origin, tokens = provenance(entry.prefix, number), shard.document(number)
            row = rows[origin["id"]]
            found.append(origin["id"])
            assert (row["source"], split_of(str(row["id"]), CONFIG)) == (entry.source, entry.split)
            assert (row["uri"], row["license"]) == (origin["uri"], origin["license"])
            assert origin["document"] == number
            assert origin["bytes"] == len(str(row["text"]).encode())
            assert origin["tokens"] == len(tokens)
            assert (
                tokens[-1] == 0 and 0 not in tokens[:-1]
            )  # the name of the separator in the text is not the separator
            assert tokenizer.decode(tokens[:-1].tolist()) == row["text"]
    assert sorted(found) == sorted(rows)
    assert {entry.split for entry in list_token_shards(tmp_path)} == {"train", "validation", "test"}


def test_order_within_a_shard_is_that_of_the_documents(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path / "o")
    wanted = [row["id"] for row in make_rows(30, "my-source") if split_of(str(row["id"]), CONFIG) == "train"]
    assert pq.read_table(tmp_path / "o" / "my-source-train.parquet").column("id").to_pylist() == wanted


def test_counts_add_up(folder: Path, tmp_path: Path) -> None:
    counts = run(folder, tmp_path / "o")
    entries = list_token_shards(tmp_path / "o")
    assert counts["documents_in"] == counts["documents_out"] == 33 == sum(counts["documents_by_split"].values())
    assert (counts["dropped"], counts["quarantined"]) == ({}, 0)
    assert counts["tokens"] == sum(entry.tokens for entry in entries)
    for split, tokens in counts["tokens_by_split"].items():
        assert tokens == sum(entry.tokens for entry in entries if entry.split == split)
    for source, tokens in counts["tokens_by_source"].items():
        assert tokens == sum(entry.tokens for entry in entries if entry.source == source)
    rows = make_rows(30, "my-source") + make_rows(3, "b")
    assert sum(counts["bytes_by_split"].values()) == sum(len(str(row["text"]).encode()) for row in rows)


def test_bytes_are_the_same_every_time_and_a_split_without_documents_has_no_file(folder: Path, tmp_path: Path) -> None:
    config = TokenizeConfig(validation=0, test=0)
    run(folder, tmp_path / "a", config)
    run(folder, tmp_path / "b", config)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == [f"{source}-train.{kind}" for source in ("b", "my-source") for kind in ("bin", "idx", "parquet")]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_split_shares_and_stability() -> None:
    ids = [document_id("s", str(number)) for number in range(20_000)]
    splits = [split_of(identifier, TokenizeConfig(validation=0.1, test=0.05)) for identifier in ids]
    assert splits.count("validation") / len(ids) == pytest.approx(0.1, abs=0.01)
    assert splits.count("test") / len(ids) == pytest.approx(0.05, abs=0.01)
    more = [split_of(identifier, TokenizeConfig(validation=0.3, test=0.05)) for identifier in ids]
    assert [s == "test" for s in splits] == [s == "test" for s in more]
    golden = [split_of(digit * 32, TokenizeConfig(validation=0.5, test=0.2)) for digit in "0123"]
    assert golden == ["validation", "train", "test", "validation"]  # the hash must not change


def test_dtype_and_vocabulary(folder: Path, tmp_path: Path) -> None:
    assert check_dtype(TokenizeConfig(), 65_535) == "uint16"
    assert check_dtype(TokenizeConfig(), 65_536) == "int32"
    with pytest.raises(ValueError, match=r"tokenize\.dtype: uint16 .* 65,536; use auto"):
        check_dtype(TokenizeConfig(dtype="uint16"), 65_536)
    run(folder, tmp_path / "o", TokenizeConfig(dtype="int32"))
    assert TokenShard.open(tmp_path / "o" / "my-source-train").tokens.dtype == np.int32


def test_wrong_input_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leave nothing to train on"):
        TokenizeConfig(validation=0.5, test=0.5)
    run(folder, tmp_path / "o")
    with pytest.raises(ValueError, match=r"my-source-train\.parquet: no document 99"):
        provenance(tmp_path / "o" / "my-source-train", 99)
    with pytest.raises(ValueError, match=r"c-train\.parquet: no such table"):
        provenance(tmp_path / "o" / "c-train", 0)
    (tmp_path / "o" / "stray.idx").write_bytes(b"")
    with pytest.raises(ValueError, match=r"stray\.idx: not named"):
        list_token_shards(tmp_path / "o")


@pytest.mark.parametrize("source", ["../up", "a/b", "", ".."])
def test_a_source_name_never_leaves_the_folder(folder: Path, tmp_path: Path, source: str) -> None:
    write_table(tmp_path / "documents.parquet", make_rows(1, source), SCHEMA)
    (tmp_path / "o").mkdir()
    with pytest.raises(ValueError, match="source name"):
        tokenize_shard(tmp_path / "o", tmp_path / "documents.parquet", folder / "tokenizer.json", CONFIG)
