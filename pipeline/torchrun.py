"""The command line that starts a pretraining on given token shards without Ray. `torchrun` starts it once for each rank:

torchrun --nproc-per-node 2 -m gristmill train RECIPE --tokens FOLDER --tokenizer FILE --out FOLDER [KEY.PATH=VALUE ...]
"""

import argparse
import contextlib
import io
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from data.tokens.config import VocabConfig
from data.tokens.vocabulary import find_tokenizer, take_vocabulary
from orchestration.progress import Display
from orchestration.stopping import stop_on_signals
from pipeline.pretrain import (
    describe_without_validation,
    loss_and_speed,
    rank_arguments,
    run_rank,
    without_validation,
)
from pipeline.recipe.reading import load_recipe
from pipeline.recipe.recipe import PretrainConfig
from pipeline.releases.origin import same_vocabulary, with_origin

TELLING = ("slow", "resumed", "rewound", "checkpoint_passed_over")  # the events of a training that are worth a line
WORK = "pretrain"  # what the lines of progress call the training
TIME_TO_SPEAK = (
    3.0  # seconds; torchrun ends all ranks when the first of them ends, before that one's neighbour may have spoken
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Be one rank of a training; the first rank says how far it is. Mistakes and stops end with an exit code."""
    first = os.environ.get("RANK", "0") == "0"
    options = _parse(arguments)
    try:
        pretrain, tokenizer = _settings(options)
        work = rank_arguments(pretrain, options.tokens, tokenizer, options.out)
        length = pretrain.training.sequence_length
        gaps = describe_without_validation(without_validation(options.tokens, length), length)
        options.out.mkdir(parents=True, exist_ok=True)
        if first:
            _leave_tokenizer(tokenizer, options.out)
    except ValueError as error:
        with _first_of_node():
            _end(f"gristmill: {error}", 2)
    console = Console(quiet=not first)
    if gaps:
        console.print(f"{WORK}: {gaps}", highlight=False, markup=False, soft_wrap=True)
    _train(work, pretrain.training.steps, console)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The options, with absolute paths."""
    parser = argparse.ArgumentParser(
        prog="torchrun -m gristmill train",
        description="Pretrain on token shards that are there, without Ray. The recipe needs only a pretrain section, whose "
        "training.ranks is the number of processes that torchrun starts. Stopped, the same command goes on.",
        epilog="example: torchrun --nproc-per-node 8 -m gristmill train mine.yaml --tokens shards/ --tokenizer tokenizer.json "
        "--out out/ pretrain.training.steps=2000",
    )
    parser.add_argument("recipe", type=Path, help="recipe whose pretrain section is used")
    parser.add_argument("overrides", nargs="*", metavar="KEY.PATH=VALUE", help="changes to the recipe")
    parser.add_argument(
        "--tokens", type=Path, required=True, help="folder of token shards, <source>-<split>.bin and .idx"
    )
    parser.add_argument(
        "--tokenizer", type=Path, required=True, help="the tokenizer.json that made them, or its folder"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints, their tokenizer, and metrics")
    with _first_of_node():
        options = parser.parse_intermixed_args(arguments)
    for name in ("tokens", "tokenizer", "out"):
        setattr(options, name, getattr(options, name).resolve())
    return options


def _settings(options: argparse.Namespace) -> tuple[PretrainConfig, Path]:
    """The pretrain section, with its origin resolved, and the tokenizer.json; raises ValueError for what does not fit."""
    tokenizer = find_tokenizer(options.tokenizer)
    recipe = load_recipe(options.recipe, options.overrides)
    if recipe.pretrain is None:
        raise ValueError(f"{options.recipe}: there is no pretrain section")
    recipe = recipe.model_copy(update={"vocab": VocabConfig(tokenizer=str(tokenizer)), "network": None})
    pretrain = with_origin(recipe, options.recipe.resolve().parent, options.out).pretrain
    assert pretrain, "an origin takes no section away"
    return pretrain, tokenizer


def _leave_tokenizer(tokenizer: Path, out: Path) -> None:
    """Put the tokenizer beside the checkpoints, so that they can be used; raises ValueError where another one lies."""
    left = out / "tokenizer.json"
    if not left.is_file():
        take_vocabulary(tokenizer, out)
    elif not same_vocabulary(left, tokenizer):
        raise ValueError(f"--out {out}: was begun with another tokenizer; choose another folder")


def _train(work: dict[str, Any], steps: int, console: Console) -> None:
    """Train on this rank; Ctrl-C and SIGTERM, which torchrun passes on, let it save a checkpoint first."""
    from model.training.distributed import close_distributed  # imports torch, which `--help` does not need

    with Display(console) as display, stop_on_signals(display.say) as should_stop:
        display.say(f"{WORK}: {steps:,} steps, into {work['folder']}")
        try:
            result = run_rank(work, lambda record: _show(display, steps, record), should_stop)
        except (ValueError, ArithmeticError) as error:
            _end(f"gristmill: {error}", 2 if isinstance(error, ValueError) else 1)
        close_distributed()
    if result.stopped:
        console.print(f"{WORK}: stopped at step {result.step:,}; the same command goes on from there", highlight=False)
        sys.exit(128 + should_stop.signal if should_stop.signal else 1)
    losses = ", ".join(f"{source} {loss:.4f}" for source, loss in result.validation.items())
    validation = f"; validation {losses}" if losses else ""
    line = f"{WORK}: {result.step:,} steps done, loss {result.loss:.4f}{validation}; {result.checkpoint}"
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def _show(display: Display, steps: int, record: Mapping[str, Any]) -> None:
    """Show a record of the metrics, which only the first rank gets."""
    if record.get("event") in TELLING:
        display.say(f"{WORK}: {record['message']}")
    elif "event" not in record and "loss" in record:
        display.update(WORK, record["step"], steps, "steps", loss_and_speed(record))


@contextlib.contextmanager
def _first_of_node() -> Iterator[None]:
    """Let only one rank of each machine speak inside the block: they see the same mistake, and ask for the same help."""
    if os.environ.get("LOCAL_RANK", "0") == "0":
        yield
        return
    nowhere = io.StringIO()
    try:
        with contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
            yield
    except SystemExit:
        time.sleep(TIME_TO_SPEAK)
        raise


def _end(message: str, code: int) -> NoReturn:
    print(message, file=sys.stderr)
    sys.exit(code)
