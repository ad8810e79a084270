"""What a run can begin with, and what is said when it does not fit."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from data.documents import SCHEMA, document_id
from data.tables import write_table
from data.tokens.bpe import train_tokenizer
from data.tokens.config import VocabConfig
from orchestration.store import Store
from pipeline.recipe.overrides import overridden
from pipeline.recipe.reading import check_recipe
from pipeline.recipe.written import Written
from pipeline.releases.origin import check_vocabulary, with_origin
from pipeline.runs.plan import make_plan

RECIPE: dict[str, Any] = {
    "name": "o",
    "collect": {"sources": [{"name": "a", "path": "a.jsonl"}]},
    "vocab": {"tokenizer": "theirs"},
    "pretrain": {"init_from": "theirs", "training": {"sequence_length": 64, "steps": 100}},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source, and a Llama with a vocabulary, as a Hugging Face folder."""
    folder = tmp_path_factory.mktemp("origin")
    (folder / "a.jsonl").write_text('{"text": "a"}\n')
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=320, hidden_size=32, intermediate_size=48, num_hidden_layers=1, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=64, bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder / "theirs")
    vocabulary(folder / "theirs", "some words of theirs")
    vocabulary(folder / "other", "quite another choice")
    return folder


def vocabulary(folder: Path, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    row = {"id": document_id("a", "0"), "text": text * 9, "source": "a", "uri": "", "license": "", "meta": "{}"}
    write_table(folder / "documents.parquet", [row], SCHEMA)
    train_tokenizer(folder, [folder / "documents.parquet"], VocabConfig(size=300), seed=0)
    return folder / "tokenizer.json"


def changed(folder: Path, *overrides: str) -> Any:
    recipe = check_recipe(overridden(Written(RECIPE, {}), overrides).values, "test")
    return with_origin(recipe, folder, folder / "runs" / "o")


def test_the_network_is_the_origins_where_none_is_named(folder: Path) -> None:
    model = changed(folder).pretrain.model
    assert (model.d_model, model.d_ff, model.n_layers, model.kv_heads, model.vocab_size) == (32, 48, 1, 2, 320)
    named = changed(
        folder,
        "pretrain.model={d_model: 32, d_ff: 48, n_layers: 1, n_heads: 4, n_kv_heads: 2, norm_eps: 1.0e-6, "
        "max_sequence_length: 64, dropout: 0.1}",
    ).pretrain.model
    assert (named.vocab_size, named.dropout) == (320, 0.1)


def test_a_recipe_without_an_origin_stays_as_it_is(folder: Path) -> None:
    recipe = check_recipe({**RECIPE, "pretrain": {}, "vocab": {}}, "test")
    assert with_origin(recipe, folder, folder / "runs" / "o") is recipe


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (("vocab.tokenizer=null",), "set vocab.tokenizer to the folder of its tokenizer"),
        (("pretrain.init=continue",), "no state of an optimizer to continue with"),
        (("pretrain.model.d_model=48",), "has .*d_model: 32.*; set model to the same"),
        (("pretrain.training.sequence_length=128",), "longer than model.max_sequence_length"),
        (("pretrain.init_from=nowhere",), "nowhere: there is no such folder"),
        (("pretrain.init_from=a.jsonl",), "there is no such folder"),
        (("pretrain.init_from=other",), "other: neither a checkpoint nor a Hugging Face folder"),
        (("pretrain.init_from=runs/o",), "is this run itself"),
        (("pretrain.init_from=runs/../runs/o/pretrain",), "is this run itself"),
        (("vocab.tokenizer=a.jsonl",), r"a\.jsonl: not a tokenizer file"),
        (("vocab.tokenizer=other",), r"was trained with another vocabulary; set vocab.tokenizer to .*theirs"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(folder: Path, overrides: tuple[str, ...], expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as error:
        changed(folder, *overrides)
    assert "\n" not in str(error.value)


def test_other_weights_or_another_tokenizer_are_another_run(folder: Path) -> None:
    def made() -> dict[str, str]:
        steps = make_plan(changed(folder), folder, Store(folder / "store"), folder / "runs" / "o")
        return {step.stage.name: step.key for step in steps}

    first = made()
    path = folder / "theirs" / "model.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    second = made()
    assert [stage for stage in first if first[stage] != second[stage]] == ["pretrain"]
    path.write_bytes(content)
    (folder / "theirs" / "tokenizer_config.json").write_text(json.dumps({"eos_token": "<|pad|>"}))
    third = made()
    assert [stage for stage in first if first[stage] != third[stage]] == ["vocab", "tokenize", "pretrain"]
    (folder / "theirs" / "tokenizer_config.json").unlink()
    (folder / "theirs" / "tokenizer.json").unlink()
    with pytest.raises(ValueError, match=r"theirs/tokenizer\.json: there is no such file"):
        made()
    vocabulary(folder / "theirs", "some words of theirs")
    assert made() == first


def test_a_network_goes_on_with_its_own_vocabulary_only(folder: Path) -> None:
    check_vocabulary(folder / "theirs", folder / "theirs" / "tokenizer.json")
    with pytest.raises(ValueError, match=r"was trained with another vocabulary; set vocab.tokenizer to .*theirs"):
        check_vocabulary(folder / "theirs", folder / "other" / "tokenizer.json")
