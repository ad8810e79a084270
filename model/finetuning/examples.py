"""Labelled texts from JSON Lines, divided into training and held-out examples."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.evaluation.json_lines import read_json_lines
from model.finetuning.classify_config import ClassifyConfig


@dataclass(frozen=True)
class Example:
    text: str
    label: str


@dataclass(frozen=True)
class Examples:
    """`labels` are the classes of the training texts, sorted; `other_splits` counts records marked neither train nor test."""

    train: list[Example]
    test: list[Example]
    labels: list[str]
    other_splits: int


def read_examples(path: Path, config: ClassifyConfig) -> Examples:
    """Read a `.jsonl` or `.jsonl.gz` file. Raises ValueError naming file and line, or file and what is missing."""
    train: list[Example] = []
    test: list[Example] = []
    other = 0
    marked: bool | None = None
    for where, record in read_json_lines(path):
        example = Example(text_of(record, config, where), label_of(record, config, where))
        split = record.get(config.split_field)
        if marked is None:
            marked = split is not None
        if marked != (split is not None):
            raise ValueError(
                f"{where}: only some records have the field `{config.split_field}`; give it to all or none"
            )
        if split is None:
            split = hashed_split(example.text, config)
        if split == "train":
            train.append(example)
        elif split == "test":
            test.append(example)
        else:
            other += 1
    labels = sorted({example.label for example in train})
    if len(labels) < 2:
        raise ValueError(f"{path}: {len(labels)} classes among {len(train)} training texts; two or more are needed")
    if not test:
        raise ValueError(f"{path}: no test texts; mark some with `{config.split_field}` or raise test_fraction")
    if unknown := sorted({example.label for example in test} - set(labels)):
        raise ValueError(f"{path}: the class {unknown[0]!r} occurs among the test texts only")
    return Examples(train, test, labels, other)


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
