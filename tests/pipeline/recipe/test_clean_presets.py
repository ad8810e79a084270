"""Presets of clean in a recipe: what is left of them when it is read, and what names of artifacts are made of."""

from typing import Any

import pytest

from pipeline.recipe.fields import named_fields, output_fields
from pipeline.recipe.reading import check_recipe
from pipeline.recipe.recipe import Recipe
from pipeline.recipe.written import RecipeError

SOURCES = [{"name": "pages", "path": "*.html"}, {"name": "notes", "path": "*.jsonl"}]


def read(sections: dict[str, Any] | None = None, **fields: Any) -> Recipe:
    clean = {} if sections is None else {"clean": sections}
    return check_recipe({"name": "r", "collect": {"sources": SOURCES}, **clean, **fields}, "recipe.yaml")


def fingerprint(recipe: Recipe) -> dict[str, Any]:
    assert recipe.clean is not None
    return named_fields(type(recipe.clean), output_fields(recipe.clean))


def test_sources_begin_with_presets_by_their_formats_and_the_plan_tells_them() -> None:
    assert read().rules_told() == {"pages": "web, by its format", "notes": "none, by its format"}
    assert read({"sources": {"notes": {"preset": "books"}}}).rules_told()["notes"] == "books"
    given = {"sources": [{"name": "theirs", "path": "a.parquet"}]}
    assert check_recipe({"name": "r", "documents": given}, "r").rules_told() == {"theirs": "none, by its format"}
    assert check_recipe({"name": "r", "documents": given, "clean": None}, "r").rules_told() == {}


def test_names_hold_rules_and_no_preset() -> None:
    recipe = read({"preset": "books"})
    assert "preset" not in str(fingerprint(recipe))
    entries = {name: {"preset": "books"} for name in ("pages", "notes")}
    assert fingerprint(read({"sources": entries})) == fingerprint(recipe)
    assert fingerprint(read({"preset": "books", "sources": {"notes": {"preset": "chat"}}})) != fingerprint(recipe)


def test_a_recipe_of_format_1_has_the_names_that_it_had() -> None:
    old = fingerprint(read({"language": {"allowed": ["en"]}}, format=1))
    assert not {"preset", "sources", "lines", "not_text"} & old.keys()
    assert old == fingerprint(read(format=1))


def test_a_source_called_like_a_field_is_no_field_in_names() -> None:
    sources = [{"name": "language", "path": "a.html"}, {"name": "notes", "path": "a.jsonl"}]
    recipe = check_recipe({"name": "r", "collect": {"sources": sources}}, "r")
    assert fingerprint(recipe)["sources"]["language"].keys() == fingerprint(recipe)["sources"]["notes"].keys() | {
        "not_text"
    }


def test_a_recipe_that_was_read_is_read_as_itself() -> None:
    for sections in (None, {"preset": "chat"}, {"sources": {"notes": {"preset": "code", "language": {}}}}):
        recipe = read(sections)
        assert check_recipe(recipe.model_dump(mode="json"), "again") == recipe


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        (
            {"sources": {"note": {"preset": "web"}}},
            "clean.sources.note: no source is called 'note'; did you mean notes?",
        ),
        ({"preset": "book"}, "did you mean books"),
        ({"preset": "none", "language": {"threshold": 0.9}}, "language.threshold: does nothing with allowed"),
        ({"sources": {"notes": {"language": {"min_fraction": 0.9}}}}, "min_fraction: does nothing with unit: document"),
        (
            {"pii": None, "sources": {name["name"]: {"preset": "web"} for name in SOURCES}},
            "clean.pii: it holds for no source",
        ),
    ],
)
def test_a_mistake_is_one_line(sections: dict[str, Any], words: str) -> None:
    with pytest.raises(RecipeError) as error:
        read(sections)
    (line,) = str(error.value).splitlines()
    assert words in line
