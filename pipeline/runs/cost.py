"""What a run will cost: tokens, FLOPs, memory and disk by the recipe, and time by the newest earlier build of each stage."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from data.tokens.config import VocabConfig
from data.tokens.vocabulary import find_tokenizer, load_vocabulary
from model.network.config import ModelConfig, flops_per_token, parameters
from model.training.train_config import TrainConfig
from orchestration.build_record import read_build
from orchestration.store import Store
from pipeline.pretrain import describe_without_validation, without_validation
from pipeline.recipe.recipe import PretrainConfig, Recipe
from pipeline.runs.foresight import notes
from pipeline.runs.machine import Machine, this_machine
from pipeline.runs.plan import Step
from pipeline.stages.source_hashes import source_bytes

BYTES_PER_TOKEN = 4.0  # for English text and a vocabulary of some ten thousand; some thousand give 3
MANY_SECONDS = 2 * 86400  # A training that takes longer on this machine is told before it begins.
ADAM_BYTES = 12  # of a parameter: its float32 weight and two moments
BLOCK_ACTIVATIONS = 17  # vectors of d_model values that a block keeps for each token
LOGITS_BYTES = 2**31  # the most that the loss holds at once; their gradient takes as much again


def estimate(recipe: Recipe, base: Path, steps: Sequence[Step], store: Store) -> dict[str, Any]:
    """The costs of the stages that are to be built, for programs: sizes in bytes, times in seconds.

    `steps` is the plan of the recipe, whose folder is `base`. A stage's time is that of its newest earlier build. Raises
    ValueError when a source or the tokenizer cannot be read, or a manifest is damaged.
    """
    building = {step.name: step for step in steps if step.action != "reuse"}
    cost: dict[str, Any] = {"stages_to_build": list(building)}
    total = sum(source_bytes(source) for step in steps for source in step.stage.sources(step.config, base).values())
    cost["source_bytes"] = total
    tokenized = next((step.artifact for step in steps if step.stage.gives == "tokens"), None)
    if tokenized:
        cost["corpus_tokens"] = tokenized.manifest["counts"]["tokens"]
    seconds = {name: _last_seconds(store, step.stage.name) for name, step in building.items()}
    cost["seconds_when_last_built"] = {stage: value for stage, value in seconds.items() if value is not None}
    if recipe.pretrain and "pretrain" in building:
        cost["pretrain"] = pretraining(recipe.pretrain, _vocabulary(recipe.vocab, base))
        machine = this_machine()
        cost["pretrain"]["seconds_on_this_machine"] = round(cost["pretrain"]["flops"] / machine.flops)
        if "corpus_tokens" in cost:
            train = tokenized.manifest["counts"]["tokens_by_split"].get("train", 0) if tokenized else 0
            cost["pretrain"]["epochs"] = cost["pretrain"]["tokens"] / train if train else None
        length = recipe.pretrain.training.sequence_length
        if tokenized and (sizes := without_validation(tokenized.path, length)):
            cost["pretrain"]["note"] = describe_without_validation(sizes, length)
        cost["disk_bytes"] = (
            cost["pretrain"]["checkpoint_bytes"] * (recipe.pretrain.training.keep_checkpoints + 1) + 3 * total
        )
    days = days_of_training(recipe, base, steps, this_machine()) if recipe.pretrain else ""
    if told := [*notes(recipe, base, steps), *([days] if days else [])]:
        cost["notes"] = told
    return cost


def days_of_training(recipe: Recipe, base: Path, steps: Sequence[Step], machine: Machine) -> str:
    """A line on a training that would take days on a machine; empty where it would not, or where there is none to do."""
    if recipe.pretrain is None or not any(step.stage.trains and step.action != "reuse" for step in steps):
        return ""
    seconds = pretraining(recipe.pretrain, _vocabulary(recipe.vocab, base))["flops"] / machine.flops
    if seconds < MANY_SECONDS:
        return ""
    return (
        f"pretrain.training.steps: the training would take about {seconds / 86400:,.0f} days on this machine "
        f"({machine.describe()}); join a cluster with --address, or take a smaller network or fewer steps"
    )


def checkpoint_bytes(recipe: Recipe, base: Path, steps: Sequence[Step]) -> int:
    """The size of a checkpoint, which a run needs room for whatever else it writes; 0 when it does not train."""
    if recipe.pretrain is None or not any(step.name == "pretrain" and step.action != "reuse" for step in steps):
        return 0
    return int(pretraining(recipe.pretrain, _vocabulary(recipe.vocab, base))["checkpoint_bytes"])


def _vocabulary(config: VocabConfig | None, base: Path) -> int:
    """The size of the vocabulary: the one that the recipe asks for, or that of the tokenizer which it names."""
    if config is None:
        return 0
    if config.tokenizer is None:
        return config.size
    return load_vocabulary(find_tokenizer(base / config.tokenizer)).size


def _last_seconds(store: Store, stage: str) -> float | None:
    builds = [build for artifact in store.artifacts(stage) if (build := read_build(artifact.path))]
    return max(builds, key=lambda build: build["started"])["seconds"] if builds else None


def pretraining(config: PretrainConfig, vocabulary: int) -> dict[str, Any]:
    """The tokens, FLOPs and memory (in bytes) of a pretraining; `vocabulary` is used where the model has no size of its own.

    Memory follows Rajbhandari et al. 2020, table 1: the optimizer's state, gradients and weights are divided over the ranks from
    ZeRO stage 1, 2 and 3 on. They are on the GPU or, where the recipe offloads them, in the memory of the host.
    """
    model, training = config.model, config.training
    if model.vocab_size == 0:
        model = model.model_copy(update={"vocab_size": vocabulary})
    count, tokens = parameters(model), training.total_samples * training.sequence_length
    width = 4 if training.dtype == "float32" else 2
    optimizer = _optimizer_bytes(model, training.optimizer)
    shared = [training.ranks if training.zero_stage >= stage else 1 for stage in (1, 2, 3)]
    parts = {
        "optimizer": optimizer / shared[0],
        "gradients": width * count / shared[1],
        "weights": width * count / shared[2],
    }
    offloaded = {"optimizer", "gradients"} if training.offload_optimizer else set()
    offloaded |= {"weights"} if training.offload_parameters else set()
    host = {"offloaded_bytes_per_rank": round(sum(parts[name] for name in offloaded))} if offloaded else {}
    return {
        "parameters": count,
        "tokens": tokens,
        "tokens_per_parameter": tokens / count,
        "flops": flops_per_token(model, training.sequence_length) * tokens,
        "state_bytes_per_rank": round(sum(size for name, size in parts.items() if name not in offloaded)),
        **host,
        "activation_bytes_per_rank": _activation_bytes(model, training, width),
        "checkpoint_bytes": optimizer,
        "ranks": training.ranks,
    }


def _optimizer_bytes(model: ModelConfig, optimizer: str) -> int:
    """Bytes of the float32 weights and the moments. AdamW has two moments; Muon has one for the matrices of the blocks."""
    count = parameters(model)
    if optimizer == "adamw":
        return ADAM_BYTES * count
    in_blocks = model.n_layers * (parameters(model.model_copy(update={"n_layers": 2})) - _with_one_block(model))
    return ADAM_BYTES * count - 4 * in_blocks  # the norms' gains, which keep two, are too few to matter


def _with_one_block(model: ModelConfig) -> int:
    return parameters(model.model_copy(update={"n_layers": 1}))


def _activation_bytes(model: ModelConfig, training: TrainConfig, width: int) -> int:
    """Bytes that a rank keeps from forward to backward (Korthikanti et al. 2022, equation 2, without attention scores).

    A block that is computed again keeps only its input; one such block at a time keeps everything. The logits take LOGITS_BYTES
    at most, and so does their gradient.
    """
    every, tokens = training.activation_checkpointing, training.rank_micro_batch * training.sequence_length
    again = model.n_layers // every if every else 0
    whole = model.n_layers - again + min(again, 1)
    blocks = tokens * model.d_model * width * (BLOCK_ACTIVATIONS * whole + again)
    return blocks + 2 * min(tokens * model.vocab_size * width, LOGITS_BYTES)
