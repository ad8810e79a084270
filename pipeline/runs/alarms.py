"""Alarms: what a stage did that its user hardly wanted, said in the terminal, the summary and the report.

With `strict: true` in the recipe the first one ends the run.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestration.files import read_json
from pipeline.recipe.recipe import Recipe
from pipeline.stages.score_words import compared, rivals

MUCH = 0.5  # A source that loses more of its documents or bytes raises an alarm, and so does a group of near-duplicates so large.
MOST_EPOCHS = 4  # From here on repeated text is worth less and less (Muennighoff et al. 2023).
FEW_DOCUMENTS = 5  # Of fewer no share is told.
ID_CHARACTERS = 8  # of the id of an example; `inspect --id` takes a beginning
CUT = 0.1  # the share of texts cut by a limit that raises an alarm


@dataclass(frozen=True)
class Alarm:
    """What is wrong with what a stage made, and the command that shows more."""

    stage: str
    words: str
    command: str = ""

    def __str__(self) -> str:
        return f"{self.stage}: {self.words}" + (f"; see `{self.command}`" if self.command else "")


@dataclass(frozen=True)
class _Made:
    """What a stage of a run has made."""

    name: str
    counts: Mapping[str, Any]
    config: Mapping[str, Any]
    folder: Path
    recipe: Recipe


def stage_alarms(recipe: Recipe, name: str, manifest: Mapping[str, Any], folder: Path) -> list[Alarm]:
    """The alarms of one stage of a run, from its manifest and its folder."""
    check = CHECKS.get(manifest["stage"])
    return list(check(_Made(name, manifest["counts"], manifest.get("config", {}), folder, recipe))) if check else []


def run_alarms(recipe: Recipe, manifests: Mapping[str, Mapping[str, Any]], view: Path) -> list[Alarm]:
    """The alarms of all stages of a run, in the order of the line."""
    return [
        alarm for name, manifest in manifests.items() for alarm in stage_alarms(recipe, name, manifest, view / name)
    ]


def _records(made: _Made) -> Iterator[Alarm]:
    counts = made.counts
    lost = counts["quarantined"] + sum(counts["dropped"].values())
    if lost > MUCH * counts["documents_in"]:
        what = [f"{counts['quarantined']:,} cannot be read"] * bool(counts["quarantined"])
        what += [f"{number:,} {rule}" for rule, number in counts["dropped"].items()]
        show = "quarantine" if counts["quarantined"] else "rejected"
        yield _alarm(
            made,
            f"{lost:,} of {counts['documents_in']:,} records gave no document ({', '.join(what)})",
            f"--show {show}",
        )


def _cleaning(made: _Made) -> Iterator[Alarm]:
    for source, counts in made.counts.get("by_source", {}).items():
        documents = 1 - counts["documents_out"] / max(counts["documents_in"], 1)
        size = 1 - counts["bytes_out"] / max(counts["bytes_in"], 1)
        if counts["documents_in"] < FEW_DOCUMENTS or max(documents, size) <= MUCH:
            continue
        rules = sorted(counts["dropped"].items(), key=lambda item: (-item[1], item[0]))[:3]
        shown = "; ".join(
            f"{rule} dropped {number:,}, such as {', '.join(id[:ID_CHARACTERS] for id in counts['examples'][rule])}"
            for rule, number in rules
        )
        first = f" --rule {rules[0][0]}" if rules else ""
        yield _alarm(
            made,
            f"source {source} lost {documents:.0%} of its {counts['documents_in']:,} documents and {size:.0%} of its text "
            f"({shown}); `clean.sources.{source}.preset` chooses other rules",
            f"--show rejected --stage clean --source {source}{first}",
        )


def _dedup(made: _Made) -> Iterator[Alarm]:
    left, whole = made.counts["documents_by_source"], not made.counts.get("documents_added")
    for source, before in made.counts.get("documents_in_by_source", {}).items():
        largest = made.counts.get("largest_near_duplicates", {}).get(source, 0)
        is_one_group = largest > MUCH * before
        # Where documents were cut, parts are counted, and how many of a source were dropped is not known.
        lost = 1 - left.get(source, 0) / max(before, 1) if whole else 0.0
        if before < FEW_DOCUMENTS or (lost <= MUCH and not is_one_group):
            continue
        words = [f"lost {lost:.0%} of its {before:,} documents as duplicates"] * (lost > MUCH)
        words += [f"has {before:,} documents, of which {largest:,} are near-duplicates of one another"] * is_one_group
        yield _alarm(made, f"source {source} {' and '.join(words)}", f"--show rejected --stage dedup --source {source}")
    dropped, taken = sum(made.counts["dropped"].values()), made.counts["documents_in"]
    if not whole and dropped > MUCH * taken >= MUCH * FEW_DOCUMENTS:
        yield _alarm(made, f"{dropped:,} of {taken:,} documents were dropped", "--show rejected --stage dedup")


def _vocabulary(made: _Made) -> Iterator[Alarm]:
    wanted, has = made.config.get("size"), made.counts["vocab_size"]
    if made.config.get("tokenizer") is None and wanted and has < wanted:
        yield _alarm(made, f"the text fills {has:,} of the {wanted:,} ids that vocab.size asks for")


def _splits(made: _Made) -> Iterator[Alarm]:
    documents = made.counts.get("documents_by_split", {})
    wanted = {"train": 1.0, "validation": made.config.get("validation", 0), "test": made.config.get("test", 0)}
    for split, share in wanted.items():
        if share and documents and not documents.get(split):
            yield _alarm(made, f"the {split} split has no documents; give it a larger share, or more text")
    trained = made.counts["tokens_by_split"].get("train", 0)
    if made.recipe.pretrain and trained:
        training = made.recipe.pretrain.training
        epochs = training.total_samples * training.sequence_length / trained
        if epochs > MOST_EPOCHS:
            yield _alarm(
                made,
                f"the training goes {epochs:.1f} times over its {trained:,} tokens, and more than {MOST_EPOCHS} times gives "
                "little; take fewer steps, or more text",
            )


def _evaluation(made: _Made) -> Iterator[Alarm]:
    test = read_json(made.folder / "scores.json")["test"]
    for name, rival in rivals(test["all"]).items() if test else ():
        if rival["difference"]["value"] < 0:
            yield _alarm(made, f"{compared(rival)} than the {name} model ({rival['bits_per_byte']:.4f} bits per byte)")


def _finetuning(made: _Made) -> Iterator[Alarm]:
    cut, texts = (
        made.counts.get("texts_cut", 0),
        sum(made.counts.get(name, 0) for name in ("training_examples", "test_examples")),
    )
    if texts and cut > CUT * texts:
        yield _alarm(made, f"{cut:,} of {texts:,} texts are longer than max_length, and cut")


def _alarm(made: _Made, words: str, options: str = "") -> Alarm:
    return Alarm(made.name, words, f"gristmill inspect {made.recipe.name} {options}" if options else "")


CHECKS: Mapping[str, Callable[[_Made], Iterator[Alarm]]] = {
    "collect": _records,
    "documents": _records,
    "clean": _cleaning,
    "dedup": _dedup,
    "vocab": _vocabulary,
    "tokenize": _splits,
    "tokens": _splits,
    "evaluate": _evaluation,
    "finetune": _finetuning,
}
