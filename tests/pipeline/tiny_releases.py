"""Hugging Face folders of tiny networks with random weights, and the command line in this process."""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from typer.testing import CliRunner

from model.formats.convert_hf import export_hf
from model.network.config import ModelConfig
from model.network.init import initialize
from model.network.network import Network
from pipeline.cli import app

END = "<eos>"
TEXT = ["The river rose in spring and the mill turned all day long.", "Grain came by cart; flour left by boat."] * 20


def byte_level() -> Tokenizer:
    """A byte-level BPE of some 300 tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=320, special_tokens=[END], initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(TEXT, trainer)
    return tokenizer


def words(unknown: bool) -> Tokenizer:
    """A vocabulary of two words; what it does not know is `<unk>`, or is dropped."""
    vocab = {END: 0, "t": 1, "h": 2, "e": 3, "th": 4, "the": 5}
    if unknown:
        tokenizer = Tokenizer(models.WordLevel({END: 0, "<unk>": 1, "the": 2, "river": 3}, unk_token="<unk>"))
    else:
        tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[("t", "h"), ("th", "e")]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([END])
    return tokenizer


def write_release(
    folder: Path,
    tokenizer: Tokenizer | None = None,
    change: Callable[[Network], object] = lambda network: None,
    **fields: object,
) -> Path:
    """A folder with a network of `fields`, of as many rows as the tokenizer has tokens unless they say otherwise."""
    tokenizer = tokenizer or byte_level()
    sizes = {
        "vocab_size": tokenizer.get_vocab_size(), "max_sequence_length": 64, "d_model": 32, "n_layers": 2, "n_heads": 4,
        "tied_embeddings": False,
    }  # fmt: skip
    network = Network(ModelConfig(**{**sizes, **fields}))
    initialize(network, 0)
    with torch.no_grad():
        change(network)
    path = folder.with_name(f"{folder.name}.tokenizer.json")
    tokenizer.save(str(path))
    export_hf(network.state_dict(), network.config, folder, path, 0)
    path.replace(folder / "tokenizer.json")
    return folder


def write_lines(path: Path, *records: object) -> Path:
    """A JSON Lines file."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def gristmill(*arguments: str | Path | float) -> tuple[int, str, str]:
    """Exit code, output and error stream of a command, in this process; whatever else it raises is raised here."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert "Traceback" not in result.output
    return result.exit_code, result.stdout, result.stderr
