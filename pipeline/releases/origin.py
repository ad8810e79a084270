"""What a pretraining begins with when it does not begin from random weights: another run's checkpoint, or weights of others."""

import json
import os
from pathlib import Path
from typing import Any

from data.tokens.vocabulary import find_tokenizer, read_tokenizer
from model.training.origin import Origin, check_origin, origin_files, origin_model
from pipeline.recipe.reading import check_recipe
from pipeline.recipe.recipe import PretrainConfig, Recipe
from pipeline.releases.find import network_at, release_at


def with_origin(recipe: Recipe, base: Path, view: Path) -> Recipe:
    """The recipe with the checkpoint that it begins with, if any, and its network; raises ValueError for what does not fit.

    `base` is the folder of the recipe, `view` that of the run. From here on `init_from` is one checkpoint, also where the
    recipe names a run, whose newest may be another one tomorrow.
    """
    pretrain = recipe.pretrain
    if pretrain is None or pretrain.init_from is None:
        return recipe
    named = base / pretrain.init_from
    if Path(os.path.abspath(named)).is_relative_to(view):  # noqa: PTH100 (a view's links lead out of it)
        raise ValueError(f"init_from: {named} is this run itself; give the run that goes on from it a name of its own")
    folder = network_at(named).resolve()
    theirs = origin_model(folder)
    model = theirs if pretrain.takes_model else pretrain.model
    if model.vocab_size == 0:
        model = model.model_copy(update={"vocab_size": theirs.vocab_size})
    check_origin(model, pretrain.training, Origin(folder, pretrain.init))
    if is_foreign(folder) and recipe.vocab.tokenizer is None:
        raise ValueError(
            f"vocab: the network of {folder} knows its own tokens only; set vocab.tokenizer to the folder of its tokenizer"
        )
    if recipe.vocab.tokenizer is not None:
        check_vocabulary(folder, find_tokenizer(base / recipe.vocab.tokenizer))
    values = recipe.model_dump(mode="json")
    values["pretrain"] |= {"init_from": str(folder), "model": model.model_dump(mode="json")}
    return check_recipe(values, f"with the network of {folder}")


def is_foreign(folder: Path) -> bool:
    """Whether it is a Hugging Face folder, and not a checkpoint of ours."""
    return (folder / "config.json").is_file()


def origin_sources(config: PretrainConfig, base: Path) -> dict[str, Any]:
    """The files that identify what a pretraining begins with."""
    if config.init_from is None:
        return {}
    return {"origin": {path.name: path for path in origin_files(base / config.init_from)}}


def check_vocabulary(origin: Path, tokenizer: Path) -> None:
    """Raise ValueError when a run's vocabulary is not the one that its origin was trained with."""
    try:
        theirs = release_at(origin).tokenizer
    except ValueError:
        if is_foreign(origin):
            return  # weights without a tokenizer: the recipe names the one to take
        raise
    if not same_vocabulary(theirs, tokenizer):
        raise ValueError(
            f"init_from: {origin} was trained with another vocabulary; set vocab.tokenizer to {theirs.parent}"
        )


def same_vocabulary(one: Path, other: Path) -> bool:
    """Whether two tokenizer.json give the same ids to the same texts."""
    return bool(_tokens(one) == _tokens(other))


def _tokens(tokenizer: Path) -> Any:
    content = json.loads(read_tokenizer(tokenizer).to_str())
    return content["model"], [token["content"] for token in content["added_tokens"]]
