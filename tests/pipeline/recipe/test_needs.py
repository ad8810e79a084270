"""Settings that do nothing beside the others are refused, with the one that they would need; defaults fit together."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

from pipeline.recipe.fields import models_in
from pipeline.recipe.needs import needed
from pipeline.recipe.reading import check_recipe, load_recipe
from pipeline.recipe.recipe import Recipe
from pipeline.recipe.written import RecipeError
from tests.pipeline.tiny_recipe import TINY

LEAST = {"name": "least", "collect": {"sources": [{"name": "s", "path": "a.jsonl"}]}}


def laid_over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    both = {
        name: laid_over(below[name], value)
        for name, value in above.items()
        if isinstance(below.get(name), dict) and isinstance(value, dict)
    }
    return {**below, **above, **both}


def source(**fields: Any) -> dict[str, Any]:
    return {"collect": {"sources": [{"name": "s", "path": "a.jsonl", **fields}]}}


def training(**fields: Any) -> dict[str, Any]:
    return {"pretrain": {"training": fields}}


def network(**fields: Any) -> dict[str, Any]:
    return {"pretrain": {"model": fields}}


# What does nothing, the field that is named, the one that it needs, and what makes it do something.
NEEDS: list[tuple[dict[str, Any], str, str, dict[str, Any]]] = [
    (source(csv={"delimiter": ";"}), "csv", "formats: csv", source(csv={"delimiter": ";"}, path="a.csv")),
    (
        source(wikipedia={"namespaces": [1]}),
        "wikipedia",
        "formats: wikipedia",
        source(format="wikipedia", namespaces=[1]),
    ),
    (source(text={"documents": "line"}), "text", "formats: text", source(path="a/", documents="line")),
    (source(datasets={"split": "test"}), "datasets", "formats: datasets", source(format="datasets", split="test")),
    (source(format="text", id_field="id"), "id_field", "formats: jsonl", source(id_field="id")),
    (
        source(format="text", meta_fields=["a"]),
        "meta_fields",
        "formats: jsonl",
        source(format="html", meta_fields=["a"]),
    ),
    (source(path="a.epub", text_field="b"), "text_field", "formats: jsonl", source(path="*.zip", text_field="b")),
    (source(path="a.html", html=True), "html", "formats: jsonl", source(html=True)),
    (source(extractor="trafilatura"), "extractor", "html: true", source(extractor="trafilatura", html=True)),
    (training(muon_momentum=0.9), "muon_momentum", "optimizer: muon", training(muon_momentum=0.9, optimizer="muon")),
    (
        training(decay_share=0.1),
        "decay_share",
        "schedule: warmup_stable_decay",
        training(decay_share=0.1, schedule="warmup_stable_decay"),
    ),
    (
        training(schedule="constant", min_learning_rate=0.2),
        "min_learning_rate",
        "schedule: cosine",
        training(min_learning_rate=0.2),
    ),
    (
        training(loss_scale={"window": 9}),
        "loss_scale",
        "dtype: float16",
        training(loss_scale={"window": 9}, dtype="float16"),
    ),
    (
        training(loss_scale={"fixed": 2, "window": 9}, dtype="float16"),
        "window",
        "fixed: 0",
        training(loss_scale={"fixed": 2}, dtype="float16"),
    ),
    (training(sample_tokens=9), "sample_tokens", "prompts", training(sample_tokens=9, prompts=["The"])),
    (training(spikes={"window": 9}), "window", "deviations", training(spikes={"window": 9, "deviations": 6})),
    (network(rope_theta=9.0, positions="learned"), "rope_theta", "positions: rope", network(rope_theta=9.0)),
    (network(attention_pattern=["global"]), "attention_pattern", "sliding_window", network(sliding_window=9)),
    (
        network(rope_scaling={"type": "yarn", "factor": 2, "original_sequence_length": 9, "low_freq_factor": 2}),
        "low_freq_factor",
        "type: llama3",
        {},
    ),
    (
        network(dropout=0.1, embedding_dropout=0, attention_dropout=0, residual_dropout=0),
        "dropout",
        "embedding_dropout: null",
        network(dropout=0.1),
    ),
    ({"pretrain": {"init": "continue"}}, "init", "init_from", {"pretrain": {"init": "continue", "init_from": "x"}}),
    (
        {"pretrain": {}, "evaluate": {"temperature": 0, "top_k": 3}},
        "top_k",
        "temperature",
        {"pretrain": {}, "evaluate": {"temperature": 0}},
    ),
    ({"vocab": {"tokenizer": "x", "size": 300}}, "size", "tokenizer: null", {"vocab": {"size": 300}}),
    (
        {"dedup": {"contamination": {"ngram": 9}}},
        "ngram",
        "files",
        {"dedup": {"contamination": {"ngram": 9, "files": ["x"]}}},
    ),
    (
        {"clean": {"language": {"min_fraction": 0.1}}},
        "min_fraction",
        "unit: paragraph",
        {"clean": {"language": {"min_fraction": 0.1, "unit": "paragraph"}}},
    ),
    (
        {"clean": {"c4": {"min_sentences": 1}, "chain": ["language"]}},
        "c4",
        "chain: c4",
        {"clean": {"c4": {"min_sentences": 1}, "chain": ["c4.sentences"]}},
    ),
    (
        {"clean": {"block_lists": {"max_words": 9}}},
        "max_words",
        "words",
        {"clean": {"block_lists": {"max_words": 9, "words": ["x"]}}},
    ),
    ({"annotate": {"families": ["language"], "words": "punctuation"}}, "words", "families: gopher_repetition", {}),
    ({"tracking": {"wandb": "off", "project": "x"}}, "project", "wandb: auto", {"tracking": {"project": "x"}}),
]


@pytest.mark.parametrize(
    ("idle", "field", "need", "at_work"), NEEDS, ids=[f"{field}-{need}" for _, field, need, _ in NEEDS]
)
def test_what_does_nothing_is_refused_with_what_it_needs(
    tmp_path: Path, idle: dict[str, Any], field: str, need: str, at_work: dict[str, Any]
) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**LEAST, **idle}))
    with pytest.raises(RecipeError) as error:
        load_recipe(path)
    (line,) = str(error.value).splitlines()
    assert re.search(rf"recipe\.yaml:\d+: [\w.]*\b{field}: does nothing .* it needs .*{need}", line), line
    recipe = check_recipe({**LEAST, **at_work}, "test")
    assert check_recipe(recipe.model_dump(mode="json"), "test") == recipe


def test_tables_of_needs_name_fields_and_values_that_there_are() -> None:
    def models(model: type[BaseModel]) -> list[type[BaseModel]]:
        inner = [each for field in model.model_fields.values() for each in models_in(field.annotation)]
        return [model, *(found for each in inner for found in models(each))]

    tables = {model: model.needs for model in models(Recipe) if hasattr(model, "needs")}
    assert len(tables) > 10
    for model, needs in tables.items():
        assert set(needs) <= set(model.model_fields), model
        for need in needs.values():
            assert all(hasattr(model, name) or name in model.model_fields for name in need), model
            assert all(needed(name, values) for name, values in need.items())


def test_a_way_of_measuring_need_not_be_that_of_a_rule_that_is_off() -> None:
    annotate, rule = {"stop_words": ["der", "die"]}, {"gopher_quality": {"min_stop_words": None}}
    check_recipe({**LEAST, "annotate": annotate, "clean": rule}, "test")
    with pytest.raises(RecipeError, match="annotate has measured with"):
        check_recipe({**LEAST, "annotate": annotate, "clean": {"preset": "web"}}, "test")


def test_defaults_and_what_is_switched_off_are_never_refused() -> None:
    dump = check_recipe(TINY, "test").model_dump(mode="json")
    for family in ("gopher_repetition", "gopher_quality", "c4", "fineweb", "language", "boilerplate", "pii"):
        check_recipe(laid_over(dump, {"clean": {family: None}}), "test")
    check_recipe(laid_over(dump, {"pretrain": {"model": {"positions": "none"}}, "export": None}), "test")


# One number alone, on a recipe that says nothing else of its section.
ALONE = {
    "pretrain.training": {
        "steps": [1, 20, 99, 100, 10**6],
        "sequence_length": [1, 64, 4096],
        "global_batch": [1, 7, 4096],
        "warmup_steps": [0, 1000],
        "zero_stage": [0, 3],
        "checkpoint_every": [0, 10**6],
    },
    "pretrain.model": {
        "d_model": [2, 64, 100, 160, 256, 512, 768, 1000, 1024, 4096],
        "n_layers": [1, 96],
        "max_sequence_length": [8, 256, 8192],
        "n_heads": [1, 6, 8, 16, 24],
        "sliding_window": [1, 4096],
        "d_ff": [1, 9999],
    },
    "vocab": {"size": [258, 300, 50257, 131_072, 200_000], "sample_mb": [0.1, 1e5]},
    "tokenize": {"validation": [0, 0.5], "test": [0.5]},
    "evaluate": {"max_new_tokens": [1, 4096], "temperature": [0, 9], "top_k": [1, 999], "resamples": [100]},
    "clean.language": {"threshold": [0, 1], "characters": [1, 10**6]},
    "dedup.minhash": {"bands": [1, 256], "rows": [1, 256], "shingle_words": [1, 99]},
}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (f"{section}.{name}", value)
        for section, fields in ALONE.items()
        for name, values in fields.items()
        for value in values
    ],
)
def test_one_sensible_number_alone_works(tmp_path: Path, field: str, value: float) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**LEAST, "clean": {"preset": "web"}, "pretrain": {}, "evaluate": {}}))
    recipe = load_recipe(path, [f"{field}={value}"])
    assert check_recipe(recipe.model_dump(mode="json"), "test") == recipe


def test_what_is_left_out_makes_room() -> None:
    def pretrain(**fields: Any) -> Any:
        return check_recipe({**LEAST, "pretrain": fields}, "test").pretrain

    assert pretrain(training={"steps": 20}).training.warmup_steps == 20
    assert pretrain(training={"steps": 100}).training.warmup_steps == 100
    assert pretrain(training={"sequence_length": 2048}).model.max_sequence_length == 2048
    assert pretrain(model={"max_sequence_length": 64}).training.sequence_length == 64
    assert [pretrain(model={"d_model": width}).model.n_heads for width in (768, 512, 1024, 100)] == [12, 8, 16, 1]
    with pytest.raises(RecipeError, match=r"warmup_steps \(30\) must not exceed steps \(20\)"):
        pretrain(training={"steps": 20, "warmup_steps": 30})
