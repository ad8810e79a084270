"""Pretrain: the ranks run `pipeline.pretrain.run_rank`, while the driver watches their metrics and passes a stop on to them."""

import shutil
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from data.tokens.vocabulary import copy_vocabulary
from model.formats.checkpoint import checkpoint_folders, read_checkpoint
from model.network.config import parameters
from orchestration.lease import Stopped
from orchestration.shards import Shard
from orchestration.side_records import parse_line
from pipeline.pretrain import (
    CHECKPOINTS,
    METRICS,
    REFUSED,
    STOP,
    describe_without_validation,
    loss_and_speed,
    rank_arguments,
    run_rank_once,
    train_samples,
    with_vocabulary,
    without_validation,
)
from pipeline.recipe.recipe import PretrainConfig
from pipeline.releases.find import network_of
from pipeline.releases.origin import origin_sources, same_vocabulary
from pipeline.stages.counts import Counts
from pipeline.stages.stage import Context, Input, Made, Stage
from pipeline.stages.training_log import RECORD, metrics, read_log

POLL_SECONDS = 0.5


class PretrainCounts(Counts):
    """What pretrain counted."""

    steps: int
    samples: int
    tokens: int
    parameters: int
    loss: float | None
    """Of the last step that was recorded, in nats a token."""
    validation_loss: float | None
    steps_left_out: int = 0
    """Steps whose loss or gradient was out of line."""
    tokens_in_no_sample: int = 0
    """Tokens at the ends of sources, which fill no sample."""
    parent: Mapping[str, Any] | None = None
    """What the training began with."""
    without_validation: Mapping[str, int] = Field(default={})
    """The sources that no validation loss is taken of, with their validation tokens."""


def _run(context: Context, inputs: Mapping[str, Path], config: PretrainConfig, out: Path) -> Made:
    from orchestration.train_group import Group, run_group  # imports torch, which a plan does not need

    tokenizer = inputs["vocabulary"] / "tokenizer" / "tokenizer.json"
    arguments = rank_arguments(config, inputs["tokens"], tokenizer, out)
    for name in (STOP, REFUSED):
        (out / name).unlink(missing_ok=True)
    train_samples(inputs["tokens"], config.training, config.sampling)  # refuses too little text before the ranks start
    length = config.training.sequence_length
    if gaps := describe_without_validation(without_validation(inputs["tokens"], length), length):
        context.display.say(f"{context.stage:9} {gaps}")
    gpus = bool(context.cluster.get("GPU"))
    group = Group(config.training.ranks, gpus, config.training.max_failures)
    _watch(context, config, out, lambda: run_group(run_rank_once, arguments, group))
    (out / STOP).unlink(missing_ok=True)
    if (out / REFUSED).exists():
        raise ValueError((out / REFUSED).read_text(encoding="utf-8"))
    counts = _settle(out, inputs["tokens"], tokenizer, config)
    shutil.rmtree(out / "content", ignore_errors=True)  # A killed attempt may have left it.
    content = context.map(_hash_network, [Shard("network", {"artifact": out})], out, "content")[0]["content"]
    shutil.rmtree(out / "content")
    return Made(PretrainCounts(**counts), content)


def _watch(context: Context, config: PretrainConfig, out: Path, run: Any) -> None:
    """Run the group on another thread. Meanwhile pass its metrics on, and ask it to stop when the run is asked to."""
    failure: list[BaseException] = []

    def body() -> None:
        try:
            run()
        except BaseException as error:  # Whatever it is, it is raised below, in the calling thread.
            failure.append(error)

    thread = threading.Thread(target=body, name="training group")
    lines = _follow(out / METRICS)
    context.display.update(context.stage, 0, config.training.steps, "steps", "starting the ranks")
    thread.start()
    while thread.is_alive():
        if not (out / METRICS).exists():  # The time that the ranks take to start is no part of the rate.
            context.display.update(context.stage, 0, config.training.steps, "steps", "starting the ranks")
        if context.should_stop():
            (out / STOP).touch()
        _pass_on(context, config.training.steps, lines)
        thread.join(POLL_SECONDS)
    _pass_on(context, config.training.steps, lines)
    context.display.finish(context.stage)
    if failure:
        raise failure[0]


def _pass_on(context: Context, steps: int, lines: Iterator[list[dict[str, Any]]]) -> None:
    """Send new metrics records to the trackers, the display and the event log."""
    records = next(lines)
    for record in records:
        if "event" in record:
            facts = {name: value for name, value in record.items() if name != "event"}
            context.events.write(record["event"], stage=context.stage, **facts)
            if record["event"] == "slow":
                context.display.say(f"{context.stage:9} {record['message']}")
            if record["event"] == "resumed":
                context.display.finish(context.stage)
                context.display.update(context.stage, record["step"], steps, "steps")
            continue
        numbers = {name: value for name, value in record.items() if name != "step"}
        context.trackers.log(context.stage, record["step"], numbers)
        if "loss" in record:
            context.display.update(context.stage, record["step"], steps, "steps", loss_and_speed(record))
    trained = [record["step"] for record in records if "loss" in record]
    if trained:
        context.events.write("training_reached", stage=context.stage, step=trained[-1])


def _follow(path: Path) -> Iterator[list[dict[str, Any]]]:
    """Each `next` gives the records of the whole lines that were added since the last one.

    Lines that an earlier attempt wrote are not among them.
    """
    position = path.stat().st_size if path.exists() else 0
    while True:
        records = []
        if path.exists():
            with path.open("rb") as file:
                file.seek(position)
                for line in file:
                    if not line.endswith(b"\n"):
                        break
                    position += len(line)
                    if record := parse_line(line, RECORD):
                        records.append(record)
        yield records


def _settle(out: Path, tokens: Path, tokenizer: Path, config: PretrainConfig) -> dict[str, Any]:
    """Delete all checkpoints but the last, and put its tokenizer beside it; gives the counts.

    When the last step was not reached, everything is kept and Stopped is raised.
    """
    whole = checkpoint_folders(out / CHECKPOINTS)
    found = read_checkpoint(whole[-1]) if whole else None
    if found is None or found.progress.step < config.training.steps:
        raise Stopped
    for path in (out / CHECKPOINTS).iterdir():
        if path != whole[-1]:
            shutil.rmtree(path)
    copy_vocabulary(tokenizer, out)
    records = metrics(read_log(out / METRICS))
    validations = [record["validation_loss"] for record in records if "validation_loss" in record]
    now = found.progress
    return {
        **({"parent": now.parent} if now.parent else {}),
        "steps": now.step,
        "steps_left_out": now.guard.skipped,
        "samples": now.cursor,
        "tokens": now.tokens,
        "tokens_in_no_sample": sum(train_samples(tokens, config.training, config.sampling).lost_tokens.values()),
        "parameters": parameters(found.model),
        "loss": now.loss,
        "validation_loss": validations[-1] if validations else None,
        "without_validation": without_validation(tokens, config.training.sequence_length),
    }


def _hash_network(out: Path, artifact: Path) -> dict[str, Any]:
    return {"content": _content(artifact)}


def _content(artifact: Path) -> str:
    from model.formats.content import network_content  # imports torch, which a plan does not need

    return network_content(network_of(artifact))


def _fits(artifact: Path, config: PretrainConfig, inputs: Mapping[str, Path]) -> None:
    """Raise ValueError when an artifact's network has other shapes than the config, or another vocabulary than the run."""
    from model.network.shapes import check_shapes  # imports torch, which a plan does not need

    tokenizer = inputs["vocabulary"] / "tokenizer" / "tokenizer.json"
    if not same_vocabulary(artifact / "tokenizer.json", tokenizer):
        raise ValueError(
            f"{artifact}: trained with another vocabulary than the run's; set vocab.tokenizer to its folder"
        )
    theirs = read_checkpoint(network_of(artifact)).model
    check_shapes(theirs, with_vocabulary(config.model, tokenizer))


def _layout(config: PretrainConfig) -> dict[str, Any]:
    training = config.training
    return {"ranks": training.ranks, "zero_stage": training.zero_stage, "micro_batch": training.rank_micro_batch}


STAGE = Stage(
    name="pretrain",
    version=2,
    inputs=(Input("tokens", label="tokenize"), Input("vocabulary", label="vocab")),
    gives="network",
    counts=PretrainCounts,
    libraries=("deepspeed", "torch"),
    run=_run,
    content=_content,
    trains=True,
    fits=_fits,
    verifies=True,
    sources=origin_sources,
    reads_at_start=True,
    layout=_layout,
)
