"""Pretraining, from the first step or the newest checkpoint to the last step.

Every rank calls `train` with the same arguments. The caller hands over what is not the trainer's business: where samples
come from, where records go, when to stop, and how a finished checkpoint folder is put in place.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from model.formats.checkpoint import CheckpointInfo
from model.formats.progress import Progress
from model.network.config import ModelConfig, flops_per_token
from model.training.begin import begin, check_same_model, describe_resume, resume
from model.training.distributed import init_distributed
from model.training.engine import Engine, check_device
from model.training.guard import applied, rewound, skipped
from model.training.inputs import Data
from model.training.metrics import Meter, device_peak
from model.training.origin import Origin
from model.training.prefetch import Prefetch
from model.training.processor import slow_bfloat16
from model.training.schedule import learning_rate
from model.training.snapshot import Commit, describe, find_start, save
from model.training.step import StepOutcome, take_step
from model.training.train_config import TrainConfig
from model.training.validation import sample_texts, validate

Record = dict[str, Any]


@dataclass(frozen=True)
class TrainResult:
    step: int
    """Steps done in all."""
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


def train(
    model: ModelConfig,
    config: TrainConfig,
    data: Data,
    folder: Path,
    log: Callable[[Record], None],
    should_stop: Callable[[], bool],
    commit: Commit,
    origin: Origin | None = None,
) -> TrainResult:
    """Train `model` for `config.steps` steps, keeping checkpoints in `folder`, and go on from the newest one there.

    `log` gets records on rank 0. `should_stop` is asked on every rank in every step; if one says so, all save and return.
    `commit(temporary, final)` puts a finished checkpoint folder in place, on rank 0. A run without a checkpoint begins
    from `origin`, or else from random weights.

    Raises ValueError where the configs do not fit each other, the device, the number of ranks, the checkpoint or the
    origin, and FloatingPointError when training has come off the rails for good.
    """
    _, ranks = init_distributed()
    check_fit(model, config, ranks)
    check_device(config)
    set_threads(config)
    if dist.get_rank() != 0:
        log = log_nothing

    if slow := slow_bfloat16(config):
        log({"event": "slow", "step": 0, "message": slow})
    checkpoint, passed_over = find_start(folder)
    resumed_from = None if checkpoint is None else checkpoint.progress.step
    for message in passed_over:
        log({"event": "checkpoint_passed_over", "step": resumed_from or 0, "message": message})
    if checkpoint is None:
        engine, now = begin(model, config, data.order, origin)
    else:
        check_same_model(model, checkpoint)
        if checkpoint.progress.step >= config.steps:
            return result(checkpoint.progress, checkpoint, resumed_from, stopped=False)
        engine, now = resume(model, config, checkpoint)
        log({"event": "resumed", "step": now.step, "message": describe_resume(checkpoint)})

    meter = Meter(flops_per_token(model, config.sequence_length), ranks, device_peak(config.dtype))
    stopped = False
    with Prefetch(data.batches) as batches:
        while now.step < config.steps and not stopped:
            step = take_step(engine, config, now, batches, meter, should_stop, data.end_id, checkpoint is not None)
            account(now, step, config, log)
            stopped = step.stop
            if step.decision == "rewind":
                assert checkpoint is not None
                engine.close()
                with meter.phase("checkpoint"):
                    engine, now = go_back(model, config, checkpoint, now, log)
                continue

            last = now.step == config.steps
            if step.decision == "apply" and (now.step % config.log_every == 0 or last or stopped):
                log(describe_step(now, step, config) | meter.record())
            if last or (is_due(now.step, config.validate_every) and not stopped):
                with meter.phase("validation"):
                    validate_and_sample(engine, config, data, now, log)
            # No checkpoint is made amid spikes: a state under suspicion is nothing to go back to.
            if last or stopped or (is_due(now.step, config.checkpoint_every) and now.guard.in_a_row == 0):
                with meter.phase("checkpoint"):
                    about = describe(now, model, config, data.order)
                    checkpoint = save(engine, about, folder, commit, config.keep_checkpoints)
                log({"event": "checkpoint", "step": now.step, "path": checkpoint.folder.name})

    assert checkpoint is not None
    return result(now, checkpoint, resumed_from, stopped=stopped and now.step < config.steps)


def account(now: Progress, step: StepOutcome, config: TrainConfig, log: Callable[[Record], None]) -> None:
    """Move on by one step; raise FloatingPointError when the guard says stop."""
    first = now.cursor
    now.step += 1
    now.cursor += step.samples
    if step.decision == "apply":
        now.loss = step.loss
        now.tokens += step.tokens
        now.guard = applied(now.guard, step.loss, step.norm, config.spikes)
        return
    now.leave_out(first, now.cursor)
    found = {"loss": f"{step.loss:.6g}", "gradient_norm": f"{step.norm:.6g}"}  # as text, since JSON has no nan
    facts = {"step": now.step, **found, "samples": [first, now.cursor]}
    if step.overflow:
        log({"event": "overflow", **facts, "message": "gradients overflowed float16; the loss scale goes down"})
        return
    now.guard = skipped(now.guard)
    log({"event": "spike", **facts, "decision": step.decision, "in_a_row": now.guard.in_a_row})
    if step.decision == "stop":
        raise FloatingPointError(
            f"step {now.step}: loss {step.loss:.4g} and gradient norm {step.norm:.4g} were out of line "
            f"{now.guard.in_a_row} times in a row, up to sample {now.cursor}, after going back {now.guard.rewinds} "
            f"times ({now.guard.skipped} steps were left out in all); lower learning_rate, raise warmup_steps or clip, "
            "or look at these samples"
        )


def go_back(
    model: ModelConfig, config: TrainConfig, checkpoint: CheckpointInfo, now: Progress, log: Callable[[Record], None]
) -> tuple[Engine, Progress]:
    """Return to the newest checkpoint, and go on with the samples after those that were taken since."""
    engine, then = resume(model, config, checkpoint)
    then.leave_out(then.cursor, now.cursor)
    log(
        {
            "event": "rewound",
            "step": then.step,
            "samples": [then.cursor, now.cursor],
            "message": f"{now.guard.in_a_row} spikes in a row: back from step {now.step} to {checkpoint.folder.name}",
        }
    )
    then.cursor, then.guard = now.cursor, rewound(then.guard, now.guard)
    return engine, then


def validate_and_sample(
    engine: Engine, config: TrainConfig, data: Data, now: Progress, log: Callable[[Record], None]
) -> None:
    """Measure the validation losses and write the sample texts, into the progress and the log."""
    if data.validation:
        now.validation, mean = validate(engine, config, data.validation, data.end_id)
        record: Record = {"step": now.step, "tokens": now.tokens, "validation": now.validation, "validation_loss": mean}
        sizes = data.bytes_per_token
        record["bits_per_byte"] = {s: n / math.log(2) / sizes[s] for s, n in now.validation.items() if s in sizes}
        log(record)
    if data.prompts:
        for prompt, text in sample_texts(engine, config, data.prompts, data.continued).items():
            log({"event": "sample", "step": now.step, "prompt": prompt, "text": text})


def is_due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


def check_fit(model: ModelConfig, config: TrainConfig, ranks: int) -> None:
    """Raise ValueError where the two configs, or the config and the ranks that were started, do not fit."""
    if config.ranks != ranks:
        raise ValueError(f"ranks: the recipe says {config.ranks}, but {ranks} were started")
    if config.sequence_length > model.max_sequence_length:
        raise ValueError(
            f"sequence_length ({config.sequence_length}) exceeds the model's "
            f"max_sequence_length ({model.max_sequence_length})"
        )


def set_threads(config: TrainConfig) -> None:
    """Use as many threads as the config says, or else this rank's share of the cores that the process may use."""
    cores = len(os.sched_getaffinity(0))
    ranks_here = int(os.environ.get("LOCAL_WORLD_SIZE", config.ranks))
    torch.set_num_threads(config.threads or max(1, cores // ranks_here))


def describe_step(now: Progress, step: StepOutcome, config: TrainConfig) -> Record:
    """The record of a step, without its speed."""
    return {
        "step": now.step,
        "loss": step.loss,
        "learning_rate": learning_rate(now.step - 1, config),
        "gradient_norm": step.norm,
        "tokens": now.tokens,
        "global_batch": step.samples,
        "skipped_steps": now.guard.skipped,
    }


def result(now: Progress, checkpoint: CheckpointInfo, resumed_from: int | None, stopped: bool) -> TrainResult:
    return TrainResult(
        now.step, now.cursor, now.tokens, now.loss, now.validation, stopped, checkpoint.folder, resumed_from
    )


def log_nothing(record: Record) -> None:
    """The log of all ranks but the first: they would say the same."""
