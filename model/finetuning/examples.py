"""Labelled texts from JSON Lines, divided into training and held-out examples."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.evaluation.json_lines import read_json_lines
from model.finetuning.classify_config import ClassifyConfig

SPLIT_SHOWN = 40  # characters of the name of a split that a message shows
SPLITS_SHOWN = 5  # other splits that a message names


@dataclass(frozen=True)
class Example:
    text: str
    label: str


@dataclass(frozen=True)
class Examples:
    """`labels` are the classes of the training texts, sorted; `other_splits` counts the records of each other split."""

    train: list[Example]
    test: list[Example]
    labels: list[str]
    other_splits: dict[str, int]

    @property
    def left_out(self) -> int:
        """The number of records that are marked neither train nor test."""
        return sum(self.other_splits.values())


def read_examples(path: Path, config: ClassifyConfig) -> Examples:
    """Read a `.jsonl` or `.jsonl.gz` file. Raises ValueError naming file and line, or file and what is missing.

    Records of other splits than train and test are counted; whether they have a text and a class does not matter.
    """
    parts: dict[str, list[Example]] = {"train": [], "test": []}
    others: Counter[str] = Counter()
    marked: bool | None = None
    for where, record in read_json_lines(path):
        split = record.get(config.split_field)
        if marked is None:
            marked = split is not None
        if marked != (split is not None):
            raise ValueError(
                f"{where}: only some records have the field `{config.split_field}`; give it to all or none"
            )
        if split is not None and split not in ("train", "test"):
            others[str(split)[:SPLIT_SHOWN]] += 1
            continue
        example = Example(text_of(record, config, where), label_of(record, config, where))
        parts[split or hashed_split(example.text, config)].append(example)
    train, test = parts["train"], parts["test"]
    labels = sorted({example.label for example in train})
    if len(labels) < 2:
        found = found_splits(train, test, others)
        raise ValueError(
            f"{path}: {len(labels)} classes among {len(train)} training texts; two or more are needed{found}"
        )
    if not test:
        remedy = f"mark some as test in `{config.split_field}`" if marked else "raise test_fraction"
        raise ValueError(f"{path}: no test texts; {remedy}{found_splits(train, test, others)}")
    if unknown := sorted({example.label for example in test} - set(labels)):
        raise ValueError(f"{path}: the class {unknown[0]!r} occurs among the test texts only")
    return Examples(train, test, labels, dict(sorted(others.items())))


def found_splits(train: list[Example], test: list[Example], others: Counter[str]) -> str:
    """The end of a message that says how many records each split has; empty where no record is of another split."""
    if not others:
        return ""
    sizes = {"train": len(train), "test": len(test), **dict(others.most_common(SPLITS_SHOWN))}
    return f" (found: {', '.join(f'{split} {size:,}' for split, size in sizes.items() if size)})"


def hashed_split(text: str, config: ClassifyConfig) -> str:
    """`test` for about `test_fraction` of all texts: the same text always falls on the same side."""
    digest = hashlib.blake2b(f"{config.split_seed}\0{text}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return "test" if int.from_bytes(digest, "big") < config.test_fraction * 2**64 else "train"


def text_of(record: dict[str, Any], config: ClassifyConfig, where: str) -> str:
    text = record.get(config.text_field)
    if not isinstance(text, str):
        raise ValueError(f"{where}: `{config.text_field}` must be a string; name the field of the text with text_field")
    return text


def label_of(record: dict[str, Any], config: ClassifyConfig, where: str) -> str:
    label = record.get(config.label_field)
    if not isinstance(label, str | int):
        raise ValueError(
            f"{where}: `{config.label_field}` must be a string or an integer; name the field of the class with label_field"
        )
    return str(label)
