"""The stages in the order of the line, and how those of a recipe are connected. A new stage is a file beside this one and an
entry of STAGES, and a section of the recipe with its name.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel

from pipeline.recipe.mistakes import in_section
from pipeline.recipe.recipe import Recipe
from pipeline.stages.annotate import STAGE as ANNOTATE
from pipeline.stages.clean import STAGE as CLEAN
from pipeline.stages.collect import STAGE as COLLECT
from pipeline.stages.dedup import STAGE as DEDUP
from pipeline.stages.documents import STAGE as DOCUMENTS
from pipeline.stages.evaluate import STAGE as EVALUATE
from pipeline.stages.export import STAGE as EXPORT
from pipeline.stages.finetune import STAGE as FINETUNE
from pipeline.stages.network import STAGE as NETWORK
from pipeline.stages.pretrain import STAGE as PRETRAIN
from pipeline.stages.stage import Input, Role, Stage
from pipeline.stages.tokenize import STAGE as TOKENIZE
from pipeline.stages.tokens import STAGE as TOKENS
from pipeline.stages.vocab import STAGE as VOCAB

STAGES = (
    COLLECT,
    DOCUMENTS,
    ANNOTATE,
    CLEAN,
    DEDUP,
    VOCAB,
    TOKENIZE,
    TOKENS,
    NETWORK,
    PRETRAIN,
    EVALUATE,
    FINETUNE,
    EXPORT,
)

REMEDIES: dict[Role, str] = {
    "documents": "begin the recipe with `collect` (sources) or with `documents` (documents of others)",
    "annotations": "add the section `annotate`",
    "vocabulary": "add a `vocab` section, or leave out `vocab: null`; with `tokenizer: FILE` it takes an existing one",
    "tokens": "leave out `tokenize: null`, or begin the recipe with `tokens` (token shards of others)",
    "network": "add a `pretrain` section, or begin the recipe with `network` (a checkpoint or a Hugging Face folder)",
}


@dataclass(frozen=True)
class Link:
    """An input of a stage in a recipe."""

    key: str
    """The name by which the stage's function finds it: the role or, of an input with `every`, the name of the giver."""
    label: str
    """The word for it in names of artifacts."""
    giver: str
    """The name of the section whose stage gives it."""


@dataclass(frozen=True)
class Place:
    """A stage of a recipe, with the section that configures it and its inputs."""

    name: str
    """The name of the stage, or the section's own where there are several of the stage."""
    stage: Stage
    config: BaseModel
    links: tuple[Link, ...]


def arrange(recipe: Recipe) -> list[Place]:
    """The stages of a recipe in the order of the line, connected by role.

    Raises ValueError when a stage has an input that nothing before it gives.
    """
    places: list[Place] = []
    for stage in STAGES:
        for name, config in recipe.sections(stage.name):
            try:
                links = tuple(link for taken in stage.inputs for link in _links(taken, name, places))
            except ValueError as error:
                raise ValueError(in_section(recipe, name, str(error))) from None
            places.append(Place(name, stage, config, links))
    return places


def _links(taken: Input, name: str, before: Sequence[Place]) -> list[Link]:
    givers = [place for place in before if place.stage.gives == taken.role]
    if taken.every:
        stages = [place.stage.name for place in givers]
        # A name is for display. It tells apart only what would be alike without it.
        labels = [
            stage if stages.count(stage) == 1 else f"{stage} {place.name}"
            for stage, place in zip(stages, givers, strict=True)
        ]
        return [Link(place.name, label, place.name) for label, place in zip(labels, givers, strict=True)]
    if givers:
        return [Link(taken.role, taken.label or taken.role, givers[-1].name)]
    if taken.optional:
        return []
    raise ValueError(
        f"{name}: it takes {_WORDS.get(taken.role, taken.role)}, and nothing before it gives any: {REMEDIES[taken.role]}"
    )


_WORDS: dict[Role, str] = {"network": "a network", "vocabulary": "a vocabulary"}
