"""What a run will cost: tokens, FLOPs, memory and disk from the recipe, time as measured when a stage was built before."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from model.config import flops_per_token, parameters
from orchestration.store import Store
from pipeline.plan import Step
from pipeline.recipe import PretrainConfig, Recipe
from pipeline.source_hashes import source_bytes

BYTES_PER_TOKEN = 4.0  # of English text under a vocabulary of some ten thousand; 3 for one of some thousand
ADAM_BYTES = 12  # a parameter's float32 weight and two moments


def estimate(recipe: Recipe, base: Path, steps: Sequence[Step], store: Store) -> dict[str, Any]:
    """Costs of the stages that are to be built. Sizes in bytes; time in seconds, of the newest earlier build of each stage."""
    building = {step.stage.name: step for step in steps if step.artifact is None}
    cost: dict[str, Any] = {"stages_to_build": list(building)}
    total = sum(source_bytes(source) for step in steps for source in step.stage.sources(step.config, base).values())
    cost["source_bytes"] = total
    tokenized = next((step.artifact for step in steps if step.stage.name == "tokenize"), None)
    if tokenized:
        cost["corpus_tokens"] = tokenized.manifest["counts"]["tokens"]
    seconds = {stage: _last_seconds(store, stage) for stage in building}
    cost["seconds_when_last_built"] = {stage: value for stage, value in seconds.items() if value is not None}
    if recipe.pretrain and "pretrain" in building:
        cost["pretrain"] = pretraining(recipe.pretrain, recipe.vocab.size)
        if "corpus_tokens" in cost:
            train = tokenized.manifest["counts"]["tokens_by_split"].get("train", 0) if tokenized else 0
            cost["pretrain"]["epochs"] = cost["pretrain"]["tokens"] / train if train else None
        cost["disk_bytes"] = (
            cost["pretrain"]["checkpoint_bytes"] * (recipe.pretrain.training.keep_checkpoints + 1) + 3 * total
        )
    return cost


def _last_seconds(store: Store, stage: str) -> float | None:
    builds = [artifact.build for artifact in store.artifacts() if artifact.path.parent.name == stage]
    return max(builds, key=lambda build: build["started"])["seconds"] if builds else None


def pretraining(config: PretrainConfig, vocabulary: int) -> dict[str, Any]:
    """Tokens, FLOPs and memory of a pretraining.

    Memory follows Rajbhandari et al. 2020, table 1: weights, gradients and AdamW's state, divided over the ranks from the ZeRO
    stage on that shares each; activations by Korthikanti et al. 2022, equation 2, with attention that never holds the scores.
    """
    model, training = config.model, config.training
    if model.vocab_size == 0:
        model = model.model_copy(update={"vocab_size": vocabulary})
    count, tokens = parameters(model), training.total_samples * training.sequence_length
    width = 4 if training.dtype == "float32" else 2
    shared = [training.ranks if training.zero_stage >= stage else 1 for stage in (1, 2, 3)]
    state = count * (ADAM_BYTES / shared[0] + width / shared[1] + width / shared[2])
    activations = (
        training.rank_micro_batch
        * training.sequence_length
        * (model.n_layers * model.d_model * 17 * width + model.vocab_size * 4 * 2)
    )
    return {
        "parameters": count,
        "tokens": tokens,
        "tokens_per_parameter": tokens / count,
        "flops": flops_per_token(model, training.sequence_length) * tokens,
        "state_bytes_per_rank": round(state),
        "activation_bytes_per_rank": round(activations),
        "checkpoint_bytes": count * ADAM_BYTES,
        "ranks": training.ranks,
    }
