"""From the amount of text, the time and the machine to splits, a network and its training."""

import math
import re
from dataclasses import dataclass

from model.network.config import ModelConfig, flops_per_token, parameters
from pipeline.runs.machine import Machine

# Up to 4 epochs repeated text is nearly worth new text (Muennighoff et al. 2023). How much text there is, is an estimate.
MOST_EPOCHS = 3.5
TOKENS_PER_PARAMETER = 20  # Hoffmann et al. 2022
LEAST_PER_PARAMETER = 8  # Where the text is short and there is time, the network may be so much larger.
# What a step takes beside its arithmetic: of 1,284 steps with 170,000 parameters on two CPU cores, which other programs used too,
# the fastest took 35 ms, and arithmetic 20 of these.
STEP_SECONDS = 0.015
TRAINING_SHARE = 0.7  # of the time; the rest is for the data and the evaluation
# d_model, layers, heads and sequence length of the networks to choose from.
SHAPES = (
    (64, 2, 2, 128), (64, 4, 2, 128), (96, 3, 3, 128), (128, 3, 4, 256), (128, 4, 4, 256), (160, 4, 5, 256), (192, 4, 6, 256),
    (192, 6, 6, 256), (256, 6, 8, 256), (320, 8, 10, 256), (384, 8, 12, 512), (512, 8, 8, 512), (640, 10, 10, 512),
    (768, 12, 12, 1024), (1024, 16, 16, 1024), (1280, 20, 20, 1024), (1536, 24, 24, 2048), (2048, 24, 16, 2048),
    (2560, 32, 20, 2048), (4096, 32, 32, 2048),
)  # fmt: skip
TIED_UP_TO = 1024  # d_model; the embeddings of a narrow network are a large part of it.
# Up to so many bytes of text a vocabulary has this size.
VOCABULARIES = ((2e6, 1024), (1e7, 2048), (5e7, 4096), (2e8, 8192), (1e9, 16384), (1e10, 32768), (math.inf, 65536))
# Scripts without spaces have thousands of characters, and each is a word or a syllable.
UNSPACED_VOCABULARY, MOSTLY_UNSPACED = 4096, 0.3
WINDOWS, DOCUMENTS = 64, 10  # Validation and test should have at least so many sequences and documents each.
LEAST_HELD_OUT, MOST_HELD_OUT = 0.005, 0.1
# Where there are few documents, `dedup` cuts long ones into parts of this size, and these go to the splits.
PART_BYTES = 16_000
BATCH_TOKENS, MOST_BATCH_TOKENS = 1024, 1 << 19
STEPS = 2000  # Where the batch may be chosen, there are about so many steps.
BUDGET = re.compile(r"(\d+(?:\.\d+)?)(m|h|d|gpuh)")
SECONDS = {"m": 60, "h": 3600, "d": 86400, "gpuh": 3600}


@dataclass(frozen=True)
class Text:
    """What is known of the text that is to be trained on."""

    bytes: int
    documents: int
    vocab_size: int
    bytes_per_token: float


@dataclass(frozen=True)
class Choices:
    """What a recipe is told about splits, network and training, and what that comes to."""

    vocab_size: int
    tokens: int
    """About how many tokens there are for training."""
    held_out: float
    """The share of the documents for validation, and again for test."""
    model: ModelConfig
    parameters: int
    sequence_length: int
    global_batch: int
    steps: int
    learning_rate: float
    warmup_steps: int
    ranks: int
    epochs: float
    seconds: float
    """About how long the training takes."""
    limit: str
    """What keeps the training from being longer: `text` or `time`."""


def budget_seconds(budget: str, machine: Machine) -> float:
    """The seconds that a budget is: minutes, hours or days of this machine, or hours of one GPU (`30m`, `8h`, `2d`, `24gpuh`).

    Raises ValueError for one that is written otherwise, and for GPU-hours where there is no GPU.
    """
    found = BUDGET.fullmatch(budget.strip().lower())
    if not found or float(found[1]) == 0:
        raise ValueError(f"--budget {budget}: write a time as 30m, 8h or 2d, or hours of one GPU as 24gpuh")
    if found[2] == "gpuh" and not machine.gpus:
        raise ValueError(f"--budget {budget}: there is no GPU here; give a time as 8h, or a cluster by --address")
    return float(found[1]) * SECONDS[found[2]] / (machine.gpus if found[2] == "gpuh" else 1)


def vocabulary_size(text_bytes: int, unspaced: float) -> int:
    """The size of the vocabulary for so much text, of which the share `unspaced` is in scripts without spaces between words."""
    size = next(size for most, size in VOCABULARIES if text_bytes <= most)
    return max(size, UNSPACED_VOCABULARY) if unspaced > MOSTLY_UNSPACED else size


def choose(text: Text, seconds: float, machine: Machine) -> Choices:
    """Choose for a text, and for so many seconds in all.

    Raises ValueError when the text is too little for the smallest network.
    """
    all_tokens = int(text.bytes / text.bytes_per_token)
    flops = machine.flops * seconds * TRAINING_SHARE
    # A network of N parameters takes 6N FLOPs a token; N and the tokens in the best proportion use up the time.
    best_tokens = math.sqrt(flops * TOKENS_PER_PARAMETER / 6)
    wanted = min(best_tokens, MOST_EPOCHS * all_tokens)
    model = _network(min(best_tokens / TOKENS_PER_PARAMETER, wanted / LEAST_PER_PARAMETER), text.vocab_size)
    length = model.max_sequence_length
    pieces = max(text.documents, math.ceil(text.bytes / PART_BYTES))
    held_out = _rounded(
        min(max(WINDOWS * length / max(all_tokens, 1), DOCUMENTS / pieces, LEAST_HELD_OUT), MOST_HELD_OUT)
    )
    # A split has one piece at least, where there are enough.
    trained = round(all_tokens * (1 - 2 * max(held_out, 1 / pieces if pieces > 2 else 0)))
    if trained <= length:
        raise ValueError(
            f"all text has about {all_tokens:,} tokens, and the smallest network needs {2 * length:,}; add text"
        )
    batch = _batch(min(flops / flops_per_token(model, length), MOST_EPOCHS * trained), length)
    step_seconds = batch * length * flops_per_token(model, length) / machine.flops + STEP_SECONDS
    in_time, in_text = seconds * TRAINING_SHARE / step_seconds, MOST_EPOCHS * trained / (batch * length)
    steps = max(int(min(in_time, in_text)), 1)
    return Choices(
        vocab_size=text.vocab_size,
        tokens=trained,
        held_out=held_out,
        model=model,
        parameters=parameters(model),
        sequence_length=length,
        global_batch=batch,
        steps=steps,
        learning_rate=_rounded(4e-3 * (160 / max(model.d_model, 160)) ** 0.8),
        warmup_steps=min(max(steps // 20, 1), 2000),
        ranks=math.gcd(batch, machine.gpus or min(machine.cpus, 4)),
        epochs=steps * batch * length / trained,
        seconds=steps * step_seconds,
        limit="time" if in_time < in_text else "text",
    )


def _network(most_parameters: float, vocab_size: int) -> ModelConfig:
    """The largest network of SHAPES that has no more parameters; the smallest where all have more."""
    networks = [_shaped(*shape, vocab_size) for shape in SHAPES]
    return next((each for each in reversed(networks) if parameters(each) <= most_parameters), networks[0])


def _shaped(d_model: int, n_layers: int, n_heads: int, length: int, vocab_size: int) -> ModelConfig:
    return ModelConfig(
        vocab_size=vocab_size,
        d_model=d_model,
        n_layers=n_layers,
        n_heads=n_heads,
        n_kv_heads=n_heads,
        max_sequence_length=length,
        tied_embeddings=d_model <= TIED_UP_TO,
    )


def _batch(tokens: float, length: int) -> int:
    """Sequences a step, a power of two; no more than there are to train on."""
    wanted = min(max(tokens / STEPS, BATCH_TOKENS), MOST_BATCH_TOKENS, max(tokens, length))
    return 1 << int(math.log2(wanted / length))


def _rounded(value: float) -> float:
    """A number with two digits that count."""
    return float(f"{value:.2g}")
