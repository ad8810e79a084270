"""The fields of the recipe as one looks them up: each has words, and the page and the schema are those of the code."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pipeline.recipe.fields import documented
from pipeline.reference.page import recipe_page
from pipeline.reference.rows import field_rows, find_rows
from pipeline.reference.schema import config_models, editor_schema

ROOT = Path(__file__).parents[3]
RECIPES = [*sorted((ROOT / "configs").glob("*.yaml")), *sorted((ROOT / "tests" / "recipes").glob("*/*.yaml"))]
MODELS = {model.__name__: model for model in config_models()}


@pytest.mark.parametrize("name", MODELS)
def test_every_field_says_its_meaning_in_a_sentence(name: str) -> None:
    for field, info in MODELS[name].model_fields.items():
        meaning = documented(info.description).meaning
        assert len(meaning.split()) >= 4 and meaning[0].isupper() and meaning.endswith("."), (
            f"{name}.{field}: {meaning!r}"
        )


def test_unit_and_source_are_told_apart_from_the_meaning() -> None:
    assert documented("Longest line.\n    Unit: characters. Source: Raffel\n    et al. 2020, table 1.") == (
        "Longest line.",
        "characters",
        "Raffel et al. 2020, table 1",
    )
    assert documented("What C4 has. Source: C4.") == ("What C4 has.", "", "C4")
    assert documented(None) == ("", "", "")


def test_a_section_a_field_and_a_word_are_found() -> None:
    rows = field_rows()
    names = [row.name for row in find_rows(rows, "clean.c4")]
    assert names[0] == "clean.c4" and "clean.c4.min_sentences" in names
    assert all(name.startswith("clean.c4") for name in names)
    (row,) = find_rows(rows, "clean.c4.max_word_length")
    assert (row.type, row.default, row.unit) == ("a whole number greater than 0 or null", "1000", "characters")
    assert "Raffel et al. 2020" in row.source, "the source of the section is that of the field"
    assert row.rebuilds[:2] == ("clean", "dedup") and row.rebuilds[-1] == "export"
    assert [row.name for row in find_rows(rows, "MOMENTUM")] == ["pretrain.training.muon_momentum"], (
        "in name or meaning"
    )
    with pytest.raises(ValueError, match=r"no field of a recipe has 'lerning_rate'.*did you mean learning_rate\?"):
        find_rows(rows, "lerning_rate")
    with pytest.raises(ValueError, match="`gristmill fields` lists all"):
        find_rows(rows, "xyzzy")


def test_what_a_field_rebuilds_is_told() -> None:
    rows = {row.name: row for row in field_rows()}
    assert rows["evaluate.seed"].rebuilds == ("evaluate", "export")
    assert (rows["pretrain.training.threads"].affects, rows["pretrain.training.threads"].rebuilds) == ("speed", ())
    assert rows["tracking.project"].affects == "display"
    assert rows["sweep.values"].affects == "display", "a field of a section for display is for display"
    assert rows["pretrain.init_from"].rebuilds[0] == "pretrain", "the files there enter the name"
    assert rows["name"].default == "required"
    assert rows["pretrain.training.muon_momentum"].needs == "optimizer: muon"


def test_the_page_and_the_schema_are_those_of_the_code() -> None:
    assert (ROOT / "docs" / "recipe.md").read_text() == recipe_page(field_rows()), "run `make docs`"
    assert json.loads((ROOT / "configs" / "recipe.schema.json").read_text()) == editor_schema(), "run `make docs`"


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_recipes_are_valid_by_the_schema(path: Path) -> None:
    assert problems(yaml.safe_load(path.read_text())) == []


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.yaml")), ids=lambda path: path.name)
def test_example_recipes_name_the_schema_for_editors(path: Path) -> None:
    assert path.read_text().startswith("# yaml-language-server: $schema=recipe.schema.json\n")


@pytest.mark.parametrize(
    "part",
    [
        {"vocab": {"sise": 300}},
        {"vocab": {"size": "many"}},
        {"vocab": {"size": 0}},
        {"pretrain": {"training": {"dtype": "float8"}}},
        {"collect": {"sources": [{"name": "a"}]}},
        {"evaluate": [{"tasks": 3}]},
        {"pretrian": {}},
    ],
)
def test_mistakes_are_no_recipe_by_the_schema(part: dict[str, Any]) -> None:
    assert problems({"name": "r", **part})


def test_all_that_a_recipe_may_be_is_valid_by_the_schema() -> None:
    assert problems({"extends": "other.yaml", "collect": {"shard_mb": 3}, "finetune": {"epochs": 2}}) == []
    for written in ("off", False):  # YAML reads an unquoted `off` as false, or does not, by its version.
        assert problems({"name": "r", "tracking": {"wandb": written}}) == []
    assert problems({"name": "r", "evaluate": {}}) == problems({"name": "r", "evaluate": [{"name": "a"}]}) == []


def test_the_schema_says_what_a_field_affects() -> None:
    jsonschema.Draft202012Validator.check_schema(editor_schema())
    training = editor_schema()["$defs"]["TrainConfig"]["properties"]
    assert {training[name]["x-affects"] for name in ("steps", "threads", "log_every")} == {"output", "speed", "display"}
    assert training["steps"]["description"].startswith("Length of the whole run")


def problems(recipe: Any) -> list[str]:
    return [error.message for error in jsonschema.Draft202012Validator(editor_schema()).iter_errors(recipe)]
