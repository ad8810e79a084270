"""What the training function reads from token shards."""

import math
from pathlib import Path

import pytest

from data.documents import SCHEMA, document_id
from data.tables import write_table
from data.tokens.bpe import train_tokenizer
from data.tokens.config import SamplingConfig, TokenizeConfig, VocabConfig
from data.tokens.token_shards import list_token_shards
from data.tokens.tokenize import tokenize_shard
from data.tokens.vocabulary import load_vocabulary
from model.training.train_config import TrainConfig
from pipeline.pretrain import describe_without_validation, read_data, without_validation

TRAINING = TrainConfig(sequence_length=8, validation_samples=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer, and token shards of two sources."""
    folder = tmp_path_factory.mktemp("tokens")
    rows = [
        {"id": document_id(source, str(n)), "text": f"{word} number {n}, not more. " * 4, "source": source}
        | {"uri": "", "license": "", "meta": "{}"}
        for source, word in (("plain", "Text"), ("umlauts", "Wörter für Müller"))
        for n in range(60)
    ]
    write_table(folder / "documents.parquet", rows, SCHEMA)
    train_tokenizer(folder, [folder / "documents.parquet"], VocabConfig(size=300), seed=0)
    (folder / "tokens").mkdir()
    config = TokenizeConfig(validation=0.3, test=0.0)
    tokenize_shard(folder / "tokens", folder / "documents.parquet", folder / "tokenizer.json", config)
    return folder


def test_bytes_per_token_by_source(folder: Path) -> None:
    data = read_data(folder / "tokens", folder / "tokenizer.json", TRAINING, SamplingConfig())
    assert data.bytes_per_token.keys() == data.validation.keys() == {"plain", "umlauts"}
    reader = load_vocabulary(folder / "tokenizer.json").tokenizer
    text = "Text number 7, not more. " * 4
    expected = len(text) / (len(reader.encode(text).ids) + 1)  # and its separator
    assert data.bytes_per_token["plain"] == pytest.approx(expected, rel=0.1)
    assert all(math.isfinite(size) for size in data.bytes_per_token.values())


def test_shards_without_tables_have_no_bytes(folder: Path, tmp_path: Path) -> None:
    for path in (folder / "tokens").iterdir():
        if path.name != "plain-validation.parquet":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    assert read_data(tmp_path, folder / "tokenizer.json", TRAINING, SamplingConfig()).bytes_per_token.keys() == {
        "umlauts"
    }


def test_prompts_begin_a_document(folder: Path) -> None:
    training = TRAINING.model_copy(update={"prompts": ["Text", "Wörter für"]})
    data = read_data(folder / "tokens", folder / "tokenizer.json", training, SamplingConfig())
    assert list(data.prompts) == training.prompts
    for text, ids in data.prompts.items():
        assert ids[0] == data.end_id == 0 and data.continued(ids[:1], ids[1:]) == text


def test_the_order_says_what_a_cursor_means(folder: Path) -> None:
    order = read_data(folder / "tokens", folder / "tokenizer.json", TRAINING, SamplingConfig()).order
    assert order.keys() == {"sequence_length", "sampling", "windows"}
    assert order != read_data(folder / "tokens", folder / "tokenizer.json", TRAINING, SamplingConfig(seed=1)).order


def test_sources_that_no_validation_loss_is_taken_of(folder: Path) -> None:
    tokens = {
        source: sum(
            entry.tokens
            for entry in list_token_shards(folder / "tokens")
            if (entry.source, entry.split) == (source, "validation")
        )
        for source in ("plain", "umlauts")
    }
    few, many = sorted(tokens, key=lambda source: tokens[source])
    for length in (8, tokens[few] - 1, tokens[few], tokens[many] - 1, tokens[many]):
        training = TrainConfig(sequence_length=length, validation_samples=4)
        try:
            read = read_data(folder / "tokens", folder / "tokenizer.json", training, SamplingConfig()).validation
        except ValueError:  # The training split is shorter than a window, too.
            read = {source: None for source in tokens if tokens[source] > length}
        expected = {source: size for source, size in sorted(tokens.items()) if source not in read}
        assert without_validation(folder / "tokens", length) == expected
    assert describe_without_validation({}, 8) == ""
    assert describe_without_validation({"letters": 1834}, 2048) == (
        "no validation loss of letters (1,834 tokens): fewer than sequence_length + 1 (2,049)"
    )
