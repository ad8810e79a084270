"""Recipes that were written for an earlier Gristmill mean today what they meant then."""

from pathlib import Path

import pytest

from pipeline.recipe.reading import load_recipe

OLD = Path(__file__).resolve().parents[2] / "recipes" / "873c986"


@pytest.mark.parametrize("name", ["demo", "gpt2-124m", "llama-1b", "llama-7b", "sweep"])
def test_an_old_recipe_resolves_to_the_fields_that_it_had(name: str) -> None:
    written, resolved = OLD / f"{name}.yaml", OLD / f"{name}.resolved.yaml"
    assert load_recipe(written) == load_recipe(resolved)
