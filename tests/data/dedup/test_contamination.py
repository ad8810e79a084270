import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.dedup.config import ContaminationConfig
from data.dedup.contamination import benchmark_ngrams, shared_ngram
from data.dedup.ngram_hashes import ngram_hashes

QUESTION = "Which of the following rivers flows from the lake in the north to the southern sea?"


def write(path: Path, *records: object) -> Path:
    path.write_text("\n".join(json.dumps(record) for record in records))
    return path


def test_a_shared_ngram_is_found_whatever_its_case_and_punctuation(tmp_path: Path) -> None:
    benchmark = benchmark_ngrams([write(tmp_path / "tasks.jsonl", {"question": QUESTION})], 13)
    text = "Before. WHICH of the following rivers -- flows from the lake (in the north) to something else"
    assert shared_ngram(text, benchmark, 13) == "which of the following rivers flows from the lake in the north to"
    assert shared_ngram(text.replace("north", "south"), benchmark, 13) is None


@pytest.mark.parametrize("record", [QUESTION, [QUESTION], {"a": {"b": [1, None, {"c": QUESTION}]}}])
def test_strings_at_any_depth_count(tmp_path: Path, record: object) -> None:
    benchmark = benchmark_ngrams([write(tmp_path / "tasks.jsonl", {"n": 1}, record)], 13)
    assert shared_ngram(QUESTION, benchmark, 13)


def test_keys_and_short_strings_contaminate_nothing(tmp_path: Path) -> None:
    short = " ".join(QUESTION.split()[:12])
    benchmark = benchmark_ngrams([write(tmp_path / "tasks.jsonl", {QUESTION: short, "more": QUESTION[-30:]})], 13)
    assert len(benchmark) == 0
    assert shared_ngram(QUESTION, benchmark, 13) is None


def test_ngrams_do_not_reach_over_two_strings(tmp_path: Path) -> None:
    words = QUESTION.split()
    benchmark = benchmark_ngrams([write(tmp_path / "t.jsonl", [" ".join(words[:8]), " ".join(words[8:])])], 13)
    assert shared_ngram(QUESTION, benchmark, 13) is None


def test_documents_shorter_than_an_ngram_are_clean(tmp_path: Path) -> None:
    benchmark = benchmark_ngrams([write(tmp_path / "tasks.jsonl", QUESTION)], 13)
    assert shared_ngram("which of the following", benchmark, 13) is None
    assert shared_ngram("", benchmark, 13) is None


@pytest.mark.parametrize("line", ['{"cut": "off', "[" * 100_000, "\x00"])
def test_a_line_that_is_no_json_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"fine": 1}\n\n' + line)
    with pytest.raises(ValueError, match=r"tasks\.jsonl, line 3: not JSON"):
        benchmark_ngrams([path], 13)


def test_defaults() -> None:
    assert ContaminationConfig().ngram == 13


@given(st.lists(st.sampled_from("abcd"), max_size=40), st.integers(1, 5))
def test_ngram_hashes_are_equal_exactly_where_ngrams_are(words: list[str], n: int) -> None:
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    hashes = ngram_hashes(words, n)
    assert hashes.dtype == np.uint64
    assert len(hashes) == len(grams)
    assert len(set(zip(grams, hashes.tolist(), strict=True))) == len(set(grams)) == len(set(hashes.tolist()))


def test_a_table_of_numbers_contaminates_nothing(tmp_path: Path) -> None:
    table = "Receipts and outlays by year: " + " ".join(str(number) for number in range(1900, 1940))
    benchmark = benchmark_ngrams([write(tmp_path / "tasks.jsonl", {"question": table})], 13)
    assert shared_ngram(" ".join(str(number) for number in range(60)), benchmark, 13) is None
    assert shared_ngram(table, benchmark, 8) is None
    words = "in 1862 the receipts from all sources were 51 million and the outlays 46 million dollars"
    benchmark = benchmark_ngrams([write(tmp_path / "tasks.jsonl", {"question": words})], 13)
    assert shared_ngram(words, benchmark, 13)
