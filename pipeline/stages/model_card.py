"""The model card, which is made from the records of a run and from nothing else."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import jinja2

from model.network.config import ModelConfig
from pipeline.recipe.recipe import ExportConfig
from pipeline.stages.score_words import compared, interval, rivals

LICENSES, LICENSE_CHARACTERS = 20, 80  # the most licences that the card names, and the longest name
DOCUMENTS = ("collect", "documents", "clean", "dedup")  # the stages whose losses the card shows
OPTIMIZERS = {"adamw": "AdamW", "muon": "Muon and AdamW"}


def model_card(
    config: ExportConfig,
    model: ModelConfig,
    manifests: Mapping[str, Any],
    scores: Mapping[str, Any],
    checks: Mapping[str, Any],
) -> str:
    """The model card: Markdown with the YAML header that model hubs read.

    `manifests` are by the names that the recipe has for its stages; `scores` has those of the evaluations (`evaluate`) and of the
    fine-tunings (`finetune`), each by name. Sections of which there are no records are left out.
    """
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_template), trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    pretrain, collect = manifests.get("pretrain"), manifests.get("collect") or manifests.get("documents")
    tokens = next((manifests[name] for name in ("tokenize", "tokens") if name in manifests), None)
    environment.filters |= {
        "number": lambda value: f"{value:,}",
        "interval": interval,
        "rivals": rivals,
        "compared": compared,
    }
    return environment.get_template("model_card.md.j2").render(
        export=config,
        pretrain=pretrain,
        parameters=manifests["pretrain" if pretrain else "network"]["counts"]["parameters"],
        origin=_origin(pretrain["counts"].get("parent")) if pretrain else None,
        optimizer=OPTIMIZERS[pretrain["config"]["training"].get("optimizer", "adamw")] if pretrain else None,
        model=model,
        manifests=manifests,
        documents={name: made for name, made in manifests.items() if made["stage"] in DOCUMENTS},
        sources=[*(collect["config"]["sources"] if collect else []), *_token_sources(manifests)],
        tokens=tokens,
        licenses=_licenses(collect["counts"]["licenses"]) if collect else None,
        evaluations=scores.get("evaluate", {}),
        finetunings=scores.get("finetune", {}),
        checks=checks,
    )


def _token_sources(manifests: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(manifests["tokens"]["config"]["sources"]) if "tokens" in manifests else []


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
