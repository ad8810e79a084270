"""Reading recipes from files, with the changes of a command line, and saying which mistakes are in them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipeline.recipe import mistakes
from pipeline.recipe.needs import unmet_needs
from pipeline.recipe.overrides import overridden
from pipeline.recipe.recipe import Recipe
from pipeline.recipe.written import Places, RecipeError, read_file, to_text


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read and check a recipe, with `key.path=value` overrides applied; raises RecipeError."""
    written = overridden(read_file(path), overrides)
    return check_recipe(written.values, str(path), written.places)


def check_code(recipe: Recipe, allowed: bool) -> None:
    """Raise RecipeError when the recipe names Python code and its user has not said `--allow-code`."""
    if recipe.functions and not allowed:
        raise RecipeError(
            f"the recipe names Python code that would be run ({', '.join(recipe.functions)}): read it, then add --allow-code"
        )


def check_recipe(values: Mapping[str, Any], where: str, places: Places | None = None) -> Recipe:
    """Check the values of a recipe; raises RecipeError with a line for each mistake.

    A line begins with the place of the mistake, or with `where` when none is known.
    """
    found = mistakes.taken_for_numbers(values)
    try:
        recipe = Recipe.model_validate(values)
    except ValidationError as error:
        found += mistakes.found_by_pydantic(error, values)
    else:
        found += unmet_needs(recipe)
        clean, recipe = recipe.clean, recipe.with_rules()
        found += unmet_needs(recipe)
    if found:
        raise RecipeError("\n".join(mistakes.lines(found, values, where, places or {})))
    # It is read once more from its own dump, so that a default of 3 for a float becomes 3.0, as a written 3 does.
    return Recipe.model_validate(recipe.model_dump(mode="json")).written_at(places or {}, clean)


def to_yaml(recipe: Recipe) -> str:
    """The recipe as YAML text, with every default written out."""
    return to_text(recipe.model_dump(mode="json"))
