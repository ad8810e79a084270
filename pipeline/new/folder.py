"""From a folder of texts to a recipe: what is there, which rules fit it, and how large a network it can carry."""

import os
import re
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from data.survey.files import LISTED, Found, describe, find_files
from data.survey.texts import Look, look_at
from data.survey.vocabulary import filled
from pipeline.new.choices import Choices, Text, budget_seconds, choose, vocabulary_size
from pipeline.new.header import Header, read_header, seen_from
from pipeline.new.prompts import prompts
from pipeline.new.rules import ChosenSource, choose_rules
from pipeline.new.writing import duration, recipe_text
from pipeline.runs.machine import Machine, of_cluster, this_machine

DEFAULT_BUDGET = "30m"
UNSPACED = (
    "zh",
    "ja",
    "th",
    "lo",
    "km",
    "my",
    "bo",
    "yue",
    "wuu",
)  # languages whose script has no spaces between words


def new_recipe(folder: Path, budget: str, out: Path | None, address: str | None, renew: bool, console: Console) -> None:
    """Write the recipe of a folder, by default into the current folder; raises ValueError where one is there."""
    path = out or _recipe_of(folder)
    if path.is_file() and not renew:
        raise ValueError(
            f"{path}: it is there already; run it, choose another place by --out, or write over it by --renew"
        )
    write_recipe(folder, path, budget, _cluster(address) if address else None, _sayer(console))
    _sayer(console)(f"\nwrote {path}: read it, then `gristmill run {path}`")


def recipe_for(folder: Path, renew: bool, console: Console) -> Path:
    """The recipe of a folder in the current one, written where it is not there; says which it is, and what is new in the folder.

    Raises ValueError when a recipe of this name was not written for the folder.
    """
    path, say = _recipe_of(folder), _sayer(console)
    header = read_header(path) if path.exists() else None
    if path.exists() and (header is None or header.folder != seen_from(path.parent, folder)):
        raise ValueError(
            f"{path}: it is no recipe that was written for {folder}; run it itself, or use `gristmill new {folder} --out`"
        )
    if header is None or renew:
        write_recipe(folder, path, say=say)
        say(f"wrote {path}, which is taken as it stands from now on")
        return path
    say(f"taking {path}, which was written for {folder}")
    files = find_files(folder).files
    if files != header.files:
        say(
            f"{folder} has {files:,} files, and {path} was written when it had {header.files:,}; new ones are read where "
            "its patterns match them, and --renew writes it anew"
        )
    return path


def write_recipe(
    folder: Path, out: Path, budget: str = DEFAULT_BUDGET, machine: Machine | None = None,
    say: Callable[[str], None] = print,
) -> None:  # fmt: skip
    """Look at the files below `folder` and write a recipe for them to `out`; `say` is told what was seen and chosen.

    Raises ValueError when there is nothing to read, when the texts are too little, for a budget that is none, and where a path
    can not be read or written.
    """
    _check_paths(folder, out)
    machine = machine or this_machine()
    seconds = budget_seconds(budget, machine)
    shown = seen_from(out.parent, folder)
    try:
        found = find_files(folder)
        _tell_files(folder, found, say)
        looks = [(group, look_at(group, folder)) for group in found.groups]
    except PermissionError as problem:
        raise ValueError(f"{problem.filename}: it may not be read; give the right to, or take it out") from None
    seen = [(group, look) for group, look in looks if look.texts]
    chosen = [choose_rules(group, look, shown) for group, look in seen]
    for each in chosen:
        for number, line in enumerate(each.seen):
            say(f"{'  ' * (number > 0)}{line}")
    try:
        choices = choose(_text([look for _, look in seen], chosen), seconds, machine)
    except ValueError as problem:
        raise ValueError(f"{folder}: {problem}") from None
    _tell_choices(choices, machine, budget, say)
    asked = prompts([text for _, look in seen for text in look.texts])
    header = Header(shown, found.files)
    out.write_text(recipe_text(name_of(folder), header, chosen, choices, machine, asked), encoding="utf-8")


def _check_paths(folder: Path, out: Path) -> None:
    if not folder.is_dir():
        raise ValueError(
            f"{folder}: {'it is a file' if folder.exists() else 'it is not there'}; name a folder of texts"
        )
    if not str(folder.resolve()).isprintable():
        raise ValueError(
            f"{str(folder)!r}: a path that cannot be printed, or is not UTF-8, does not go into a recipe; rename the folder"
        )
    if out.is_dir():
        raise ValueError(f"{out}: it is a folder; name the file to write, by --out")
    if not os.access(out if out.exists() else out.parent, os.W_OK):
        problem = "may not be written" if out.parent.is_dir() else f"there is no folder {out.parent}"
        raise ValueError(f"{out}: {problem}; choose another place by --out")


def _text(looks: Sequence[Look], chosen: Sequence[ChosenSource]) -> Text:
    """What the chosen rules leave to train on. Raises ValueError where that is nothing."""
    size = sum(round(look.unique_bytes * each.kept) for look, each in zip(looks, chosen, strict=True))
    if not size:
        raise ValueError("its files have no text that can be read")
    unspaced = sum(look.unique_bytes * look.languages.get(name, 0) for look in looks for name in UNSPACED)
    vocabulary = filled([text for look in looks for text in look.texts], vocabulary_size(size, unspaced / size))
    return Text(size, sum(look.documents for look in looks), vocabulary.size, vocabulary.bytes_per_token)


def _tell_files(folder: Path, found: Found, say: Callable[[str], None]) -> None:
    say(f"{folder}: {found.files:,} files, {sum(group.bytes for group in found.groups) / 1e6:,.1f} MB")
    for suffix, number in list(found.unread.items())[:LISTED]:
        say(f"  not read: {describe(suffix, number)}")
    if more := sum(list(found.unread.values())[LISTED:]):
        say(f"  not read: {more:,} of other kinds")


def _tell_choices(choices: Choices, machine: Machine, budget: str, say: Callable[[str], None]) -> None:
    say(f"vocabulary of {choices.vocab_size:,}, about {choices.tokens:,} tokens to train on")
    say(
        f"network of {choices.parameters:,} parameters, {choices.steps:,} steps, about {choices.epochs:.1f} epochs, "
        f"limited by {choices.limit}"
    )
    say(f"{machine.describe()}: about {duration(choices.seconds)} of training within --budget {budget}")


def _sayer(console: Console) -> Callable[[str], None]:
    return lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True)


def _cluster(address: str) -> Machine:
    # Ray takes a second to load, and is needed for a cluster only.
    from orchestration.cluster import cluster, resources

    with cluster(address, None):
        return of_cluster(resources())


def name_of(folder: Path) -> str:
    """A run's name from that of a folder: its letters without accents, and `mine` where there are none."""
    plain = unicodedata.normalize("NFKD", folder.resolve().name).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._")
    return name[:60] or "mine"


def _recipe_of(folder: Path) -> Path:
    return Path(f"{name_of(folder)}.yaml")
