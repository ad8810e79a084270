"""From a folder of texts to a recipe: what is there, which rules fit it, and how large a network it can carry."""

import glob
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from data.clean.presets import Preset
from data.sources.config import SourceConfig
from data.survey.files import Group, find_files
from data.survey.texts import Kept, Look, kept_by, look_at
from pipeline.new.choices import budget_seconds, choose
from pipeline.new.writing import MARK, ChosenSource, recipe_text
from pipeline.runs.machine import Machine, of_cluster, this_machine

DEFAULT_BUDGET = "30m"
KEPT_ENOUGH = 0.9  # Rules that drop more of a sample's text than the rest of this do not fit it.
PROMPTS = 3
UNSPACED = ("zh", "ja", "th", "lo", "km", "my", "bo", "yue", "wuu")  # languages whose script has no spaces


@dataclass(frozen=True)
class NewRecipe:
    """A recipe that was written, and lines on what was seen and chosen."""

    path: Path
    told: tuple[str, ...]


def write_recipe(
    folder: Path, out: Path, budget: str = DEFAULT_BUDGET, machine: Machine | None = None,
    say: Callable[[str], None] = print,
) -> NewRecipe:  # fmt: skip
    """Look at the files below `folder` and write a recipe for them to `out`; `say` is told what is being looked at.

    Raises ValueError when there is nothing to read, when the texts are all empty, and for a budget that is none.
    """
    if not folder.is_dir():
        raise ValueError(f"{folder}: there is no such folder")
    machine = machine or this_machine()
    seconds = budget_seconds(budget, machine)
    found = find_files(folder)
    say(f"{folder}: {found.files:,} files, {sum(group.bytes for group in found.groups) / 1e6:,.1f} MB")
    for suffix, (number, remedy) in found.unread.items():
        say(f"  not read: {number:,} {suffix or 'without a suffix'}{f' ({remedy})' if remedy else ''}")
    looks = [(group, look_at(group, folder)) for group in found.groups]
    chosen = [_choose_rules(group, look, folder, out.parent) for group, look in looks if look.texts]
    size = sum(look.unique_bytes for _, look in looks)
    if not chosen or not size:
        raise ValueError(f"{folder}: its files have no text that could be read")
    for each in chosen:
        for number, line in enumerate(each.seen):
            say(f"{'  ' * (number > 0)}{line}")
    documents = sum(look.documents for _, look in looks)
    choices = choose(size, documents, _unspaced(looks, size), seconds, machine)
    shown = os.path.relpath(folder, out.parent)
    text = recipe_text(name_of(folder), shown, found.files, chosen, choices, machine, _prompts(looks))
    out.write_text(text, encoding="utf-8")
    told = (
        f"vocabulary of {choices.vocab_size:,}, about {choices.tokens:,} tokens to train on",
        f"network of {choices.parameters:,} parameters, {choices.steps:,} steps, about {choices.epochs:.1f} epochs, "
        f"limited by {choices.limit}",
        f"{machine.describe()}: about {choices.seconds / 60:.0f} minutes of training within --budget {budget}",
    )
    for line in told:
        say(line)
    return NewRecipe(out, told)


def new_recipe(folder: Path, budget: str, out: Path | None, address: str | None, renew: bool, console: Console) -> Path:
    """Write the recipe of a folder, by default beside the current folder's files; raises ValueError where one is there."""
    path = out or Path(f"{name_of(folder)}.yaml")
    if path.exists() and not renew:
        raise ValueError(
            f"{path}: it is there already; run it, choose another place by --out, or write over it by --renew"
        )
    write_recipe(folder, path, budget, _cluster(address) if address else None, _sayer(console))
    console.print(f"\nwrote {path}: read it, then `gristmill run {path}`", highlight=False, markup=False)
    return path


def recipe_for(folder: Path, renew: bool, console: Console) -> Path:
    """The recipe of a folder in the current one, written where it is not there; says which it is, and what is new in the folder.

    Raises ValueError when a recipe of this name was not written for the folder.
    """
    path, say = Path(f"{name_of(folder)}.yaml"), _sayer(console)
    if path.exists() and not wrote(path, folder):
        raise ValueError(
            f"{path}: it is no recipe that was written for {folder}; run it itself, or use `gristmill new --out`"
        )
    if path.exists() and not renew:
        say(f"taking {path}, which was written for {folder}")
        if line := what_is_new(path, folder):
            say(line)
        return path
    write_recipe(folder, path, say=say)
    say(f"wrote {path}, which is taken as it stands from now on")
    return path


def _sayer(console: Console) -> Callable[[str], None]:
    return lambda line: console.print(line, highlight=False, markup=False, soft_wrap=True)


def _cluster(address: str) -> Machine:
    from orchestration.cluster import cluster, resources

    with cluster(address, None):
        return of_cluster(resources())


def name_of(folder: Path) -> str:
    """A run's name from that of a folder."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.resolve().name).strip("-._")
    return name[:60] or "mine"


def wrote(path: Path, folder: Path) -> bool:
    """Whether `path` is a recipe that was written for `folder`."""
    with path.open(encoding="utf-8", errors="replace") as file:
        first = file.readline(4096)
    return first.startswith(MARK) and first[len(MARK) :].rpartition(" (")[0].partition(" (")[0] == os.path.relpath(
        folder, path.parent
    )


def files_when_written(path: Path) -> int:
    """How many files there were when a recipe was written."""
    with path.open(encoding="utf-8", errors="replace") as file:
        found = re.search(r" \((\d+) files\)", file.readline(4096))
    return int(found[1]) if found else 0


def what_is_new(path: Path, folder: Path) -> str:
    """A line on how the files of a folder differ from those that a recipe was written for; empty where they do not."""
    then, found = files_when_written(path), find_files(folder)
    if then == found.files:
        return ""
    return (
        f"{folder} has {found.files:,} files, and {path} was written when it had {then:,}; new ones are read where its "
        "patterns match them, and --renew writes it anew"
    )


def _choose_rules(group: Group, look: Look, folder: Path, base: Path) -> ChosenSource:
    preset, kept, reason = _fitting(group, look)
    languages = tuple(look.main_languages) if preset == "web" else ()
    seen = [
        f"{group.source.name}: {len(group.files):,} files, about {look.documents:,} documents and {look.bytes / 1e6:,.2f} MB of "
        f"text in {_languages(look)}",
        f"rules `{preset}`: {reason}; {kept.share:.0%} of the sample's text is kept{_most_dropped(kept)}",
    ]
    seen += [f"read as {', '.join(look.encodings)}"] if look.encodings else []
    for number, words in ((look.unreadable, "cannot be read"), (look.empty, "have no text")):
        seen += [f"{number:,} records of the sample {words}"] * (number > 0)
    seen += [f"{look.duplicates:.0%} of the sample's documents are copies of others"] * (look.duplicates > 0.01)
    source = _seen_from(group.source, folder, base)
    return ChosenSource(source, preset, preset == group.preset, languages, tuple(seen))


def _fitting(group: Group, look: Look) -> tuple[Preset, Kept, str]:
    """The preset that the texts look like, or `none` where that would drop much of them; what it keeps, and why it was taken."""
    kept = kept_by(look, group.source, look.kind, look.main_languages)
    why = "by the format" if look.kind == group.preset and look.kind != "none" else _WHY[look.kind]
    if kept.share >= KEPT_ENOUGH or look.kind == "none":
        return look.kind, kept, why
    lost = f"`{look.kind}` would drop {1 - kept.share:.0%} of the text{_most_dropped(kept)}"
    return "none", kept_by(look, group.source, "none"), lost


_WHY: dict[Preset, str] = {
    "none": "nothing but what cannot be text is dropped",
    "books": "long texts",
    "chat": "most lines are turns of a talk",
    "code": "programs",
    "web": "pages of the web",
    "wiki": "articles",
}


def _most_dropped(kept: Kept) -> str:
    named = [f"{rule} {share:.0%}" for rule, share in list(kept.dropped.items())[:2] if share >= 0.005]
    return f" ({', '.join(named)})" if named else ""


def _languages(look: Look) -> str:
    return ", ".join(f"{name} {look.languages[name]:.0%}" for name in look.main_languages[:5]) or "no language"


def _seen_from(source: SourceConfig, folder: Path, base: Path) -> SourceConfig:
    """The source with paths as seen from the folder of the recipe."""
    above = os.path.relpath(folder, base)
    prefix = "" if above == "." else f"{glob.escape(above)}/"
    written = source.model_dump(exclude_unset=True)
    return SourceConfig.model_validate({**written, "path": [f"{prefix}{path}" for path in written["path"]]})


def _unspaced(looks: Sequence[tuple[Group, Look]], size: int) -> float:
    """The share of the text in languages that put no spaces between words."""
    return sum(look.unique_bytes * look.languages.get(name, 0) for _, look in looks for name in UNSPACED) / size


def _prompts(looks: Sequence[tuple[Group, Look]]) -> list[str]:
    """Beginnings of some of the texts, as prompts for samples."""
    lines = {text.strip().partition("\n")[0] for _, look in looks for text in look.texts}
    texts = sorted((line for line in lines if line[:1].isalpha()), key=lambda line: (len(line), line))
    chosen = [texts[len(texts) * (2 * n + 1) // (2 * PROMPTS)] for n in range(PROMPTS)] if texts else []
    return list(dict.fromkeys(_beginning(text) for text in chosen)) or ["The"]


def _beginning(text: str) -> str:
    """The first words of a line; of one in a script without spaces the first characters."""
    words = text.split()
    return " ".join(words[:4])[:40] if max(map(len, words)) <= 30 else text[:8]
