"""From the amount of text, the time and the machine to a vocabulary, splits, a network and its training, with the reasons."""

import math
import re
from dataclasses import dataclass

from model.network.config import ModelConfig, flops_per_token, parameters
from pipeline.runs.machine import Machine

# Up to 4 epochs repeated text is nearly worth new text (Muennighoff et al. 2023). How much text there is, is an estimate.
MOST_EPOCHS = 3.5
TOKENS_PER_PARAMETER = 20  # Hoffmann et al. 2022
LEAST_PER_PARAMETER = 8  # Where the text is short and there is time, the network may be so much larger.
TRAINING_SHARE = 0.7  # of the time; the rest is for the data and the evaluation
# d_model, layers and heads of the networks to choose from.
SHAPES = (
    (64, 2, 2), (96, 3, 3), (128, 4, 4), (160, 4, 5), (192, 6, 6), (256, 6, 8), (320, 8, 10), (384, 8, 12), (512, 8, 8),
    (640, 10, 10), (768, 12, 12), (1024, 16, 16), (1280, 20, 20), (1536, 24, 24), (2048, 24, 16), (2560, 32, 20),
    (4096, 32, 32),
)  # fmt: skip
# Up to so many bytes of text a vocabulary has this size, and a token of English so many bytes (measured on English text).
VOCABULARIES = (
    (2e6, 1024, 2.6),
    (1e7, 2048, 3.1),
    (5e7, 4096, 3.5),
    (2e8, 8192, 3.8),
    (1e9, 16384, 4.1),
    (1e10, 32768, 4.4),
    (math.inf, 65536, 4.6),
)
WINDOWS, DOCUMENTS = 64, 10  # Validation and test should have at least so many sequences and documents each.
PART_BYTES = (
    16_000  # Where there are few documents, long ones are cut into parts of this size, and these go to the splits.
)
BUDGET = re.compile(r"(\d+(?:\.\d+)?)(m|h|d|gpuh)")
SECONDS = {"m": 60, "h": 3600, "d": 86400, "gpuh": 3600}


@dataclass(frozen=True)
class Choices:
    """What a recipe is told about vocabulary, splits, network and training, and what that comes to."""

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


def choose(text_bytes: int, documents: int, unspaced: float, seconds: float, machine: Machine) -> Choices:
    """Choose for so much text, of which the share `unspaced` is in scripts without spaces, and for so much time in all."""
    vocab_size, bytes_per_token = _vocabulary(text_bytes, unspaced)
    all_tokens = max(int(text_bytes / bytes_per_token), 1)
    flops = machine.flops * seconds * TRAINING_SHARE
    most_tokens = MOST_EPOCHS * all_tokens
    tokens = min(math.sqrt(flops * TOKENS_PER_PARAMETER / 6), most_tokens)
    limit = "text" if tokens == most_tokens else "time"
    most_parameters = min(flops / (6 * tokens), tokens / LEAST_PER_PARAMETER)
    model = _network(most_parameters, vocab_size)
    length = model.max_sequence_length
    batch = _batch(tokens, length)
    pieces = max(documents, text_bytes // PART_BYTES)
    held_out = min(max(WINDOWS * length / all_tokens, DOCUMENTS / pieces, 0.005), 0.1)
    trained = all_tokens * (1 - 2 * held_out)
    tokens = min(tokens, MOST_EPOCHS * trained, flops / flops_per_token(model, length))
    steps = max(int(tokens / (batch * length)), 1)
    tokens = steps * batch * length
    return Choices(
        vocab_size=vocab_size,
        tokens=round(trained),
        held_out=_rounded(held_out),
        model=model,
        parameters=parameters(model),
        sequence_length=length,
        global_batch=batch,
        steps=steps,
        learning_rate=_rounded(4e-3 * (160 / max(model.d_model, 160)) ** 0.8),
        warmup_steps=min(max(steps // 20, 1), 2000),
        ranks=math.gcd(batch, machine.gpus or min(machine.cpus, 4)),
        epochs=tokens / max(trained, 1),
        seconds=tokens * flops_per_token(model, length) / machine.flops,
        limit=limit,
    )


def _vocabulary(text_bytes: int, unspaced: float) -> tuple[int, float]:
    size, per_token = next((size, per_token) for most, size, per_token in VOCABULARIES if text_bytes <= most)
    # A character of such a script is a word or a syllable, three bytes long, and there are thousands of them.
    return (max(size, 4096), 2.7) if unspaced > 0.3 else (size, per_token)


def _network(most_parameters: float, vocab_size: int) -> ModelConfig:
    """The largest network of SHAPES that has no more parameters; the smallest where all have more."""
    networks = [_shaped(*shape, vocab_size) for shape in SHAPES]
    return next((each for each in reversed(networks) if parameters(each) <= most_parameters), networks[0])


def _shaped(d_model: int, n_layers: int, n_heads: int, vocab_size: int) -> ModelConfig:
    length = (
        128
        if d_model <= 96
        else 256
        if d_model <= 320
        else 512
        if d_model <= 640
        else 1024
        if d_model <= 1280
        else 2048
    )
    return ModelConfig(
        vocab_size=vocab_size,
        d_model=d_model,
        n_layers=n_layers,
        n_heads=n_heads,
        n_kv_heads=n_heads,
        max_sequence_length=length,
        tied_embeddings=d_model <= 1024,
    )


def _batch(tokens: float, length: int) -> int:
    """Sequences a step: such that there are some 2,000 steps, with 1,024 to 2^19 tokens each."""
    wanted = min(max(tokens / 2000, 1024), 1 << 19)
    return max(1 << round(math.log2(wanted / length)), 2)


def _rounded(value: float) -> float:
    """A number with two digits that count."""
    return float(f"{value:.2g}")
