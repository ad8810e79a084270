"""The model card, which is made from the records of a run and from nothing else."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import jinja2

from model.network.config import ModelConfig
from pipeline.recipe.recipe import ExportConfig

LICENSES, LICENSE_CHARACTERS = 20, 80  # the most licences that the card names, and the longest name
OPTIMIZERS = {"adamw": "AdamW", "muon": "Muon and AdamW"}


def model_card(
    config: ExportConfig,
    model: ModelConfig,
    manifests: Mapping[str, Any],
    scores: Mapping[str, Any],
    checks: Mapping[str, Any],
) -> str:
    """The model card: Markdown with the YAML header that model hubs read. `manifests` and `scores` are by stage."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template), trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    pretrain = manifests["pretrain"]
    environment.filters["number"] = lambda value: f"{value:,}"
    return environment.get_template("model_card.md.j2").render(
        export=config,
        origin=_origin(pretrain["counts"].get("parent")),
        optimizer=OPTIMIZERS[pretrain["config"]["training"].get("optimizer", "adamw")],
        model=model,
        manifests=manifests,
        licenses=_licenses(manifests["collect"]["counts"]["licenses"]),
        evaluation=scores.get("evaluate"),
        finetuning=scores.get("finetune"),
        checks=checks,
    )


def _licenses(counts: Mapping[str, int]) -> str:
    """The most frequent licences as Markdown code. Their names come from documents, which must not add markup to the card."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = [
        f"`{' '.join(name.split()).replace('`', '')[:LICENSE_CHARACTERS]}` {n:,}" for name, n in ordered[:LICENSES]
    ]
    others = sum(n for _, n in ordered[LICENSES:])
    return ", ".join([*shown, f"others {others:,}"] if others else shown)


def _origin(parent: Mapping[str, Any] | None) -> str | None:
    """The origin of a training, in words. It is named by its hash, since a path means nothing on another machine."""
    if parent is None:
        return None
    state = "weights" if parent["mode"] == "weights" else "weights and optimizer"
    return f"{state} of another network (BLAKE3 `{parent['identity'][:16]}`)"


def _template(name: str) -> str:
    return files("pipeline").joinpath("templates", name).read_text(encoding="utf-8")
