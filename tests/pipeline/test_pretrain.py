"""What the training function reads from token shards."""

import math
from pathlib import Path

import pytest

from data.tokens.config import SamplingConfig
from data.tokens.token_shards import list_token_shards
from data.tokens.vocabulary import load_vocabulary
from model.training.train_config import TrainConfig
from pipeline.pretrain import describe_without_validation, read_data, without_validation

TRAINING = TrainConfig(sequence_length=8, validation_samples=4)


def test_bytes_per_token_by_source(token_folder: Path) -> None:
    data = read_data(token_folder / "tokens", token_folder / "tokenizer.json", TRAINING, SamplingConfig())
    assert data.bytes_per_token.keys() == data.validation.keys() == {"plain", "umlauts"}
    reader = load_vocabulary(token_folder / "tokenizer.json").tokenizer
    text = "Text number 7, not more. " * 4
    expected = len(text) / (len(reader.encode(text).ids) + 1)  # and its separator
    assert data.bytes_per_token["plain"] == pytest.approx(expected, rel=0.1)
    assert all(math.isfinite(size) for size in data.bytes_per_token.values())


def test_shards_without_tables_have_no_bytes(token_folder: Path, tmp_path: Path) -> None:
    for path in (token_folder / "tokens").iterdir():
        if path.name != "plain-validation.parquet":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    assert read_data(tmp_path, token_folder / "tokenizer.json", TRAINING, SamplingConfig()).bytes_per_token.keys() == {
        "umlauts"
    }


def test_prompts_begin_a_document(token_folder: Path) -> None:
    training = TRAINING.model_copy(update={"prompts": ["Text", "Wörter für"]})
    data = read_data(token_folder / "tokens", token_folder / "tokenizer.json", training, SamplingConfig())
    assert list(data.prompts) == training.prompts
    for text, ids in data.prompts.items():
        assert ids[0] == data.end_id == 0 and data.continued(ids[:1], ids[1:]) == text


def test_the_order_says_what_a_cursor_means(token_folder: Path) -> None:
    order = read_data(token_folder / "tokens", token_folder / "tokenizer.json", TRAINING, SamplingConfig()).order
    assert order.keys() == {"sequence_length", "sampling", "windows"}
    assert (
        order
        != read_data(token_folder / "tokens", token_folder / "tokenizer.json", TRAINING, SamplingConfig(seed=1)).order
    )


def test_sources_that_no_validation_loss_is_taken_of(token_folder: Path) -> None:
    tokens = {
        source: sum(
            entry.tokens
            for entry in list_token_shards(token_folder / "tokens")
            if (entry.source, entry.split) == (source, "validation")
        )
        for source in ("plain", "umlauts")
    }
    few, many = sorted(tokens, key=lambda source: tokens[source])
    for length in (8, tokens[few] - 1, tokens[few], tokens[many] - 1, tokens[many]):
        training = TrainConfig(sequence_length=length, validation_samples=4)
        try:
            read = read_data(
                token_folder / "tokens", token_folder / "tokenizer.json", training, SamplingConfig()
            ).validation
        except ValueError:  # The training split is shorter than a window, too.
            read = {source: None for source in tokens if tokens[source] > length}
        expected = {source: size for source, size in sorted(tokens.items()) if source not in read}
        assert without_validation(token_folder / "tokens", length) == expected
    assert describe_without_validation({}, 8) == ""
    assert describe_without_validation({"letters": 1834}, 2048) == (
        "no validation loss of letters (1,834 tokens): fewer than sequence_length + 1 (2,049)"
    )
