"""Each golden of pretrain, evaluate, finetune and export notices when what it is for is taken away."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import model.evaluation.choices
import model.evaluation.generate
import model.evaluation.ngram_models
import model.finetuning.classify
import model.formats.convert_hf
import pipeline.goldens.evaluate as evaluate
from pipeline.goldens.make import differences, expected
from pipeline.goldens.networks import FAMILIES, OTHERS
from pipeline.goldens.pretrain import VARIANTS, train
from tests.pipeline.goldens.noticing import notices

Patch = pytest.MonkeyPatch
# The golden, and what is changed in its training as if the trainer did not do it.
TAKEN_AWAY: list[tuple[str, dict[str, Any]]] = [
    ("adamw", {"weight_decay": 0.0}),
    ("adamw", {"clip": 0.0}),
    ("adamw", {"warmup_steps": 0}),
    ("adamw", {"adam_beta1": 0.0}),
    ("adamw", {"adam_beta2": 0.0}),
    ("adamw", {"adam_eps": 1e-8}),
    ("adamw", {"min_learning_rate": 0.0}),
    ("adamw", {"seed": 1}),
    ("adamw", {"schedule": "constant"}),
    ("linear", {"schedule": "cosine"}),
    ("inverse_sqrt", {"schedule": "cosine"}),
    ("constant", {"schedule": "cosine"}),
    ("warmup_stable_decay", {"schedule": "linear"}),
    ("warmup_stable_decay", {"decay_share": 0.2}),
    ("muon", {"optimizer": "adamw"}),
    ("muon", {"muon_momentum": 0.0}),
    ("muon", {"weight_decay": 0.0}),
    ("muon_float32", {"muon_dtype": "bfloat16"}),
    ("muon_float32", {"muon_iterations": 5}),
    ("batch_ramp", {"batch_ramp": None}),
    ("bfloat16", {"dtype": "float32"}),
    ("mask_documents", {"mask_documents": False}),
    ("z_loss", {"z_loss": 0.0}),
    ("spikes", {"spikes": {}}),
    ("zero_stage 0", {"clip": 0.0, "zero_stage": 0}),
    ("zero_stage 3", {"clip": 0.0, "zero_stage": 3}),
    ("weights", {"sampling": {"seed": 1}}),
    ("weights", {"sampling": {"weights": {"english": 3, "german": 1}}}),
    ("dropout", {"model": {}}),
    ("init_from", {}),
]


def _without_origin(variant: dict[str, Any]) -> dict[str, Any]:
    return {field: value for field, value in variant.items() if field != "init_from"}


@pytest.fixture(scope="module")
def trained_without(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What training makes of every variant without what TAKEN_AWAY says, under the numbers of its rows."""
    changed = {
        f"{number}": {**_without_origin(VARIANTS[name]), **without} for number, (name, without) in enumerate(TAKEN_AWAY)
    }
    return train(changed, tmp_path_factory.mktemp("trained"))


@pytest.mark.parametrize("number", range(len(TAKEN_AWAY)), ids=lambda n: f"{TAKEN_AWAY[n][0]} {[*TAKEN_AWAY[n][1]]}")
def test_a_training_without_something(number: int, trained_without: dict[str, Any]) -> None:
    name, _ = TAKEN_AWAY[number]
    before, after = f"training/{name}/", f"{number}/"
    made = {part.replace(after, before, 1): value for part, value in trained_without.items() if part.startswith(after)}
    assert differences({part: value for part, value in expected("pretrain").items() if part.startswith(before)}, made)


def test_every_training_is_without_something_once() -> None:
    assert {name for name, _ in TAKEN_AWAY} == VARIANTS.keys()


NETWORKS = FAMILIES | OTHERS
OPTIONS = [(name, option) for name, fields in NETWORKS.items() for option in fields]


@pytest.mark.parametrize(("name", "option"), OPTIONS)
def test_a_network_without_one_of_its_options(name: str, option: str, tmp_path: Path) -> None:
    left = {field: value for field, value in NETWORKS[name].items() if field != option}
    if option == "sliding_window":
        left.pop("attention_pattern", None)
    assert notices("evaluate", name, tmp_path, partial(evaluate._score, left))


# Stage, golden, what is replaced (an attribute of a module), and by what.
REPLACED: list[tuple[str, str, Any, str, Any]] = [
    ("evaluate", "ngrams", model.evaluation.ngram_models, "_discounts", lambda counts: np.array([0, 0.5, 0.5, 0.5])),
    ("evaluate", "task", model.evaluation.choices, "join", lambda context, choice: (context, choice)),
    ("finetune", "mean", model.finetuning.classify, "rate", lambda step, steps, warmup: (steps - step) / steps),
    (
        "finetune",
        "mean",
        model.finetuning.classify.nn.utils,
        "clip_grad_norm_",
        lambda parameters, largest: torch.zeros(()),
    ),
    ("finetune", "mean", model.finetuning.classify, "STANDARD_DEVIATION", 0.5),
    ("finetune", "random weights", model.finetuning.classify, "initialize", lambda network, seed: None),
    ("export", "gpt2", model.formats.convert_hf, "write_tokenizer", lambda *arguments: None),
    ("export", "gpt2", model.formats.convert_hf, "to_theirs", lambda entry, weights: weights[entry.ours[0]].clone()),
]


@pytest.mark.parametrize(("stage", "name", "place", "attribute", "replacement"), REPLACED)
def test_a_step_that_does_nothing(
    stage: str, name: str, place: Any, attribute: str, replacement: Any, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(place, attribute, replacement)
    assert notices(stage, name, tmp_path)


def test_finetuning_without_weight_decay(tmp_path: Path, monkeypatch: Patch) -> None:
    groups = model.finetuning.classify.parameter_groups
    monkeypatch.setattr(
        model.finetuning.classify, "parameter_groups", lambda classifier, decay: groups(classifier, 0.0)
    )
    assert notices("finetune", "mean", tmp_path)


def test_texts_that_are_drawn_from_all_tokens(tmp_path: Path, monkeypatch: Patch) -> None:
    sample = model.evaluation.generate.sample
    monkeypatch.setattr(
        model.evaluation.generate,
        "sample",
        lambda logits, temperature, top_k, top_p, generator: sample(logits, temperature, 0, 1.0, generator),
    )
    assert notices("evaluate", "generate", tmp_path)
