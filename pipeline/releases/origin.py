"""The origin of a pretraining that does not begin with random weights: a run, a checkpoint or a Hugging Face folder."""

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
    """The recipe with its origin, if it has one, resolved: `init_from` is a checkpoint, and `model` is the network to train.
    The path of a network that is taken over is resolved likewise.

    A recipe may name a run, whose newest checkpoint may be another one tomorrow; the result names one checkpoint. `base` is the
    folder of the recipe, `view` that of the run. Raises ValueError when there is no network, or when it does not fit the recipe.
    """
    if recipe.network:
        return _with_network(recipe, base)
    pretrain = recipe.pretrain
    if pretrain is None or pretrain.init_from is None:
        return recipe
    named = base / pretrain.init_from
    if Path(os.path.abspath(named)).is_relative_to(view):  # noqa: PTH100 (resolve would follow the links)
        raise ValueError(f"init_from: {named} is this run itself; give the run that goes on from it a name of its own")
    folder = network_at(named).resolve()
    theirs = origin_model(folder)
    model = theirs if pretrain.takes_model else pretrain.model
    if model.vocab_size == 0:
        model = model.model_copy(update={"vocab_size": theirs.vocab_size})
    check_origin(model, pretrain.training, Origin(folder, pretrain.init))
    tokenizer = recipe.vocab.tokenizer if recipe.vocab else None
    if is_foreign(folder) and tokenizer is None:
        raise ValueError(
            f"vocab: the network of {folder} knows its own tokens only; set vocab.tokenizer to the folder of its tokenizer"
        )
    if tokenizer is not None:
        check_vocabulary(folder, find_tokenizer(base / tokenizer))
    values = recipe.model_dump(mode="json")
    values["pretrain"] |= {"init_from": str(folder), "model": model.model_dump(mode="json")}
    return check_recipe(values, f"with the network of {folder}")


def _with_network(recipe: Recipe, base: Path) -> Recipe:
    """The recipe with the folder of its network, and the network's own tokenizer in place of a run or folder that has one."""
    assert recipe.network, "the caller has seen to it"
    folder = network_at(base / recipe.network.path).resolve()
    values = recipe.model_dump(mode="json")
    if recipe.vocab and recipe.vocab.tokenizer == recipe.network.path:
        values["vocab"]["tokenizer"] = str(release_at(base / recipe.network.path).tokenizer)
    values["network"]["path"] = str(folder)
    return check_recipe(values, f"with the network of {folder}")


def is_foreign(folder: Path) -> bool:
    """Whether a network's folder is a Hugging Face folder, and not a checkpoint of Gristmill."""
    return (folder / "config.json").is_file()


def origin_sources(config: PretrainConfig, base: Path) -> dict[str, Any]:
    """The files that identify the origin of a pretraining, as a source `origin`; empty when there is no origin."""
    if config.init_from is None:
        return {}
    return {"origin": {path.name: path for path in origin_files(base / config.init_from)}}


def check_vocabulary(origin: Path, tokenizer: Path) -> None:
    """Raise ValueError when a run's tokenizer is not the one that its origin was trained with."""
    try:
        theirs = release_at(origin).tokenizer
    except ValueError:
        if is_foreign(origin):
            return  # The folder has no tokenizer, so the one that the recipe names is taken.
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
