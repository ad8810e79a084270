"""Alarms: each is raised by what it is about, and by nothing less."""

from pathlib import Path
from typing import Any

import pytest

from orchestration.files import write_json
from pipeline.recipe.reading import check_recipe
from pipeline.runs.alarms import Alarm, stage_alarms

RECIPE: dict[str, Any] = {
    "name": "r",
    "collect": {"sources": [{"name": "s", "path": "a.txt"}]},
    "pretrain": {"training": {"steps": 100, "sequence_length": 128, "global_batch": 8, "warmup_steps": 10}},
}


def alarms(
    stage: str, counts: dict[str, Any], folder: Path = Path(), config: dict[str, Any] | None = None
) -> list[Alarm]:
    manifest = {"stage": stage, "counts": counts, "config": config or {}}
    return stage_alarms(check_recipe(RECIPE, "test"), stage, manifest, folder)


def cleaned(documents: int, size: int) -> dict[str, Any]:
    counts = {"documents_in": 60, "documents_out": documents, "bytes_in": 1000, "bytes_out": size}
    dropped = {"c4.curly_bracket": 60 - documents - 1, "fineweb.line_punctuation": 1}
    return {"by_source": {"s": {**counts, "dropped": dropped, "examples": dict.fromkeys(dropped, ("a", "b", "c"))}}}


def test_a_source_that_loses_most_of_it_is_told_with_rules_examples_and_the_command() -> None:
    (alarm,) = alarms("clean", cleaned(10, 900))
    assert "source s lost 83% of its 60 documents and 10% of its text" in alarm.words
    assert "c4.curly_bracket dropped 49, such as a, b, c" in alarm.words
    assert alarm.command == "gristmill inspect r --show rejected --stage clean --source s --rule c4.curly_bracket"
    assert len(alarms("clean", cleaned(59, 300))) == 1  # a single document may be most of the text
    assert not alarms("clean", cleaned(31, 501))


@pytest.mark.parametrize(("left", "largest", "number"), [(60, 0, 0), (20, 0, 1), (60, 70, 1), (51, 50, 0)])
def test_a_source_that_is_wiped_out_as_duplicates_is_told(left: int, largest: int, number: int) -> None:
    counts = {
        "documents_in_by_source": {"s": 100},
        "documents_by_source": {"s": left},
        "largest_near_duplicates": {"s": largest},
        "documents_in": 100,
        "dropped": {},
    }
    assert len(alarms("dedup", counts)) == number


def test_duplicates_are_told_where_documents_were_cut() -> None:
    counts = {"documents_in_by_source": {"s": 100}, "documents_by_source": {"s": 300}, "documents_in": 100}
    (alarm,) = alarms("dedup", {**counts, "documents_added": 260, "dropped": {"near_duplicate": 60}})
    assert "60 of 100 documents were dropped" in alarm.words
    assert not alarms("dedup", {**counts, "documents_added": 250, "dropped": {"near_duplicate": 50}})


def test_records_that_give_no_document_are_told() -> None:
    counts = {"documents_in": 10, "quarantined": 4, "dropped": {"empty": 2}}
    (alarm,) = alarms("collect", counts)
    assert "6 of 10 records gave no document (4 cannot be read, 2 empty)" in str(alarm)
    assert not alarms("collect", {**counts, "dropped": {"empty": 1}})


def test_a_vocabulary_that_the_text_does_not_fill_is_told() -> None:
    (alarm,) = alarms("vocab", {"vocab_size": 900}, config={"size": 1024, "tokenizer": None})
    assert "900 of the 1,024 ids" in alarm.words
    assert not alarms("vocab", {"vocab_size": 1024}, config={"size": 1024, "tokenizer": None})


def test_an_empty_split_and_too_many_epochs_are_told() -> None:
    counts = {"documents_by_split": {"train": 9, "test": 1}, "tokens_by_split": {"train": 20_000, "test": 100}}
    words = [alarm.words for alarm in alarms("tokenize", counts, config={"validation": 0.1, "test": 0.1})]
    assert ["validation split has no documents" in line for line in words] == [True, False]
    assert "5.1 times over its 20,000 tokens" in words[1]
    assert not alarms(
        "tokenize", {**counts, "tokens_by_split": {"train": 30_000}}, config={"validation": 0, "test": 0.1}
    )


@pytest.mark.parametrize("difference", [-0.1, 0.1])
def test_a_network_that_is_worse_than_an_ngram_model_is_told(tmp_path: Path, difference: float) -> None:
    rival = {
        "bits_per_byte": 1.3,
        "difference": {"value": difference, "low": difference - 0.01, "high": difference + 0.01},
    }
    write_json(tmp_path / "scores.json", {"test": {"all": {"documents": 9, "5-gram": rival}}})
    found = alarms("evaluate", {}, tmp_path)
    assert ["the network is worse by 0.1000" in alarm.words for alarm in found] == [True] * (difference < 0)


def test_texts_that_are_cut_are_told() -> None:
    assert len(alarms("finetune", {"texts_cut": 30, "training_examples": 150, "test_examples": 100})) == 1
    assert not alarms("finetune", {"texts_cut": 25, "training_examples": 150, "test_examples": 100})
