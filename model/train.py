"""Pretraining, from the first step or the newest checkpoint to the last step.

Every rank calls `train` with the same arguments. What is not the trainer's business is handed to it: where samples come
from, where records go, when to stop, and how a finished checkpoint folder is put in place.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist

from model.checkpoint import CheckpointInfo, open_tensors
from model.config import ModelConfig
from model.engine import Engine, device, init_distributed
from model.init import initialize
from model.loss import NextTokenLoss
from model.network import Network
from model.schedule import learning_rate
from model.snapshot import Commit, find_start, restore, save, seed_random
from model.train_config import TrainConfig

Batches = Callable[[int, int], np.ndarray]
Record = dict[str, Any]


@dataclass(frozen=True)
class TrainResult:
    step: int
    """Optimizer steps taken in all."""
    cursor: int
    """Samples taken in all."""
    tokens: int
    """Tokens trained on in all."""
    loss: float
    """Training loss of the last step, nats per token."""
    validation: dict[str, float]
    """Newest validation loss by source, nats per token."""
    stopped: bool
    """Whether it ended because it was asked to, before the last step."""
    checkpoint: Path
    """The checkpoint that it ended with."""
    resumed_from: int | None
    """The step of the checkpoint that it went on from."""


@dataclass
class Progress:
    """Where the run is."""

    step: int = 0
    cursor: int = 0
    tokens: int = 0
    loss: float = float("nan")
    validation: dict[str, float] = field(default_factory=dict)


def train(
    model: ModelConfig,
    config: TrainConfig,
    batches: Batches,
    validation: dict[str, np.ndarray],
    folder: Path,
    log: Callable[[Record], None],
    should_stop: Callable[[], bool],
    commit: Commit,
) -> TrainResult:
    """Train `model` for `config.steps` steps, keeping checkpoints in `folder`, and go on from the newest one there.

    `batches(cursor, count)` gives samples (count, sequence_length + 1); `validation` has such samples by source.
    `log` gets records on rank 0. `should_stop` is asked on every rank after every step; if one says so, all save and
    return. `commit(temporary, final)` puts a finished checkpoint folder in place, on rank 0.

    Raises ValueError where the configs do not fit each other, the number of ranks or the checkpoint.
    """
    rank, ranks = init_distributed()
    check_fit(model, config, ranks)
    set_threads(config)
    if rank != 0:
        log = ignore

    start, passed_over = find_start(folder)
    for message in passed_over:
        log({"event": "checkpoint_passed_over", "message": message})
    if start is not None:
        check_same_model(model, start)
        now = Progress(start.step, start.cursor, start.tokens, start.loss, dict(start.validation))
        if start.step >= config.steps:
            return result(now, start, resumed_from=start.step, stopped=False)
    else:
        now = Progress()

    network = Network(model)
    if start is not None:
        read = open_tensors(start, "weights")
        network.load_state_dict({name: read(name) for name, _ in network.named_parameters()})
        engine = Engine(NextTokenLoss(network), config)
        restore(engine, start, config.seed)
        log({"event": "resumed", "step": start.step, "message": describe_resume(start, ranks)})
    else:
        initialize(network, config.seed)
        engine = Engine(NextTokenLoss(network), config)
        seed_random(config.seed, step=0)

    checkpoint, stopped = start, False
    begin = time.perf_counter()
    interval_seconds, interval_tokens = 0.0, 0  # since the last record, validation and checkpoints not counted
    while now.step < config.steps and not stopped:
        step_begin = time.perf_counter()
        rate = learning_rate(now.step, config)
        loss, norm = take_step(engine, config, batches, now.cursor, rate)
        now.loss, stopped = agree(loss, should_stop())
        now.step += 1
        now.cursor += config.global_batch
        now.tokens += config.global_batch * config.sequence_length
        interval_seconds += time.perf_counter() - step_begin
        interval_tokens += config.global_batch * config.sequence_length
        if not np.isfinite(now.loss):
            raise FloatingPointError(
                f"the loss of step {now.step} is {now.loss}; lower learning_rate or raise warmup_steps"
            )

        last = now.step == config.steps
        if now.step % config.log_every == 0 or last or stopped:
            log(
                {
                    "step": now.step,
                    "loss": now.loss,
                    "learning_rate": rate,
                    "gradient_norm": norm,
                    "tokens": now.tokens,
                    "tokens_per_second": interval_tokens / interval_seconds,
                    "seconds": time.perf_counter() - begin,
                }
            )
            interval_seconds, interval_tokens = 0.0, 0
        if validation and (last or (is_due(now.step, config.validate_every) and not stopped)):
            now.validation, mean = validate(engine, config, validation)
            log({"step": now.step, "validation": now.validation, "validation_loss": mean})
        if last or stopped or is_due(now.step, config.checkpoint_every):
            checkpoint = save(engine, describe(now, model, config), folder, commit, config.keep_checkpoints)
            log({"event": "checkpoint", "step": now.step, "path": checkpoint.folder.name})

    assert checkpoint is not None
    resumed_from = None if start is None else start.step
    return result(now, checkpoint, resumed_from, stopped=stopped and now.step < config.steps)


def take_step(
    engine: Engine, config: TrainConfig, batches: Batches, cursor: int, rate: float
) -> tuple[torch.Tensor, float]:
    """One step on the global batch at `cursor`: this rank's mean loss (), and the gradient's norm before clipping."""
    samples = batches(cursor + dist.get_rank() * config.rank_batch, config.rank_batch)  # (rank_batch, seq + 1)
    tokens = torch.from_numpy(samples).to(device(), torch.int64)
    total = torch.zeros((), device=device())
    norm = float("nan")
    for micro_batch in tokens.split(config.rank_micro_batch):
        loss = engine.loss(micro_batch)
        engine.backward(loss)
        norm = engine.step(rate)
        total += loss.detach()
    return total / config.accumulation, norm


def agree(loss: torch.Tensor, stop: bool) -> tuple[float, bool]:
    """The mean loss over the ranks, and whether any of them wants to stop, in one reduction."""
    both = torch.tensor([0.0, float(stop)], dtype=torch.float64, device=loss.device)
    both[0] = loss
    dist.all_reduce(both)
    mean, stops = both.tolist()
    return mean / dist.get_world_size(), stops > 0


def validate(engine: Engine, config: TrainConfig, validation: dict[str, np.ndarray]) -> tuple[dict[str, float], float]:
    """Mean loss in nats per token by source, and over all tokens of all sources."""
    sums = {source: sum_losses(engine, config, rows) for source, rows in validation.items()}
    by_source = {source: nats / tokens for source, (nats, tokens) in sums.items()}
    return by_source, sum(nats for nats, _ in sums.values()) / sum(tokens for _, tokens in sums.values())


def sum_losses(engine: Engine, config: TrainConfig, rows: np.ndarray) -> tuple[float, float]:
    """Nats and tokens of samples (n, seq + 1), n > 0, over all ranks."""
    rank, ranks, size = dist.get_rank(), dist.get_world_size(), config.rank_micro_batch
    sums = torch.zeros(2, dtype=torch.float64, device=device())
    for first in range(0, len(rows), ranks * size):
        numbers = first + rank * size + np.arange(size)
        # At ZeRO stage 3 a forward pass takes all ranks; rows past the end are read twice and not counted.
        samples = rows[np.minimum(numbers, len(rows) - 1)]
        losses = engine.losses(torch.from_numpy(samples).to(device(), torch.int64)).view(size, -1)
        counted = losses[torch.from_numpy(numbers < len(rows)).to(device())].double()
        sums += torch.stack((counted.sum(), torch.tensor(float(counted.numel()), device=device())))
    dist.all_reduce(sums)
    nats, tokens = sums.tolist()
    return nats, tokens


def is_due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def check_fit(model: ModelConfig, config: TrainConfig, ranks: int) -> None:
    if config.ranks != ranks:
        raise ValueError(f"ranks: the recipe says {config.ranks}, but {ranks} were started")
    if config.sequence_length > model.max_sequence_length:
        raise ValueError(
            f"sequence_length ({config.sequence_length}) exceeds the model's "
            f"max_sequence_length ({model.max_sequence_length})"
        )


def check_same_model(model: ModelConfig, info: CheckpointInfo) -> None:
    new = model.model_dump(mode="json")
    different = sorted(key for key in new.keys() | info.model.keys() if new.get(key) != info.model.get(key))
    if different:
        raise ValueError(
            f"{info.folder}: holds another model ({', '.join(different)} differ); train it in a folder of its own"
        )


def set_threads(config: TrainConfig) -> None:
    """As many threads as asked for, or this rank's share of the cores that the process may use."""
    cores = len(os.sched_getaffinity(0))
    ranks_here = int(os.environ.get("LOCAL_WORLD_SIZE", config.ranks))
    torch.set_num_threads(config.threads or max(1, cores // ranks_here))


def describe(now: Progress, model: ModelConfig, config: TrainConfig) -> CheckpointInfo:
    """What a checkpoint of this moment says about itself, but for its files."""
    layout = {
        "ranks": config.ranks,
        "zero_stage": config.zero_stage,
        "dtype": config.dtype,
        "micro_batch": config.rank_micro_batch,
        "threads": torch.get_num_threads(),
    }
    return CheckpointInfo(
        folder=Path(),
        step=now.step,
        cursor=now.cursor,
        tokens=now.tokens,
        optimizer_steps=now.step,
        model=model.model_dump(mode="json"),
        train=config.model_dump(mode="json"),
        layout=layout,
        loss=now.loss,
        validation=now.validation,
    )


def describe_resume(info: CheckpointInfo, ranks: int) -> str:
    message = f"going on from {info.folder.name}"
    if info.layout["ranks"] != ranks:
        message += f", saved on {info.layout['ranks']} ranks, on {ranks}"
    if info.layout["ranks"] < ranks:
        message += "; the random states of the new ranks follow from seed and step"
    return message


def result(now: Progress, checkpoint: CheckpointInfo, resumed_from: int | None, stopped: bool) -> TrainResult:
    return TrainResult(
        now.step, now.cursor, now.tokens, now.loss, now.validation, stopped, checkpoint.folder, resumed_from
    )


def ignore(record: Record) -> None:
    """What the other ranks have to say."""
