import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.dedup.config import ContaminationConfig
from data.dedup.contamination import Benchmark, read_benchmark
from data.dedup.ngram_hashes import Rows

QUESTION = "Which of the following rivers flows from the lake in the north to the southern sea?"
CHINESE = "磨坊主有十四袋黑麦，他在中午以前把其中三分之一卖给了市场上的商人，请问他还剩下多少袋黑麦，剩下的黑麦又能磨出多少面粉？"
CHOICE = {
    "question": "What did the miller of Lower Dale find under the wheel?",
    "choices": ["a silver spoon", "an old iron key", "a letter from the king", "nothing at all"],
    "answer": "an old iron key",
}


def write(path: Path, *records: object) -> Path:
    path.write_text("\n".join(json.dumps(record) for record in records))
    return path


def read(folder: Path, *records: object, **fields: Any) -> tuple[Benchmark, dict[str, Any]]:
    config = ContaminationConfig(files=("tasks",), **fields)
    counts = read_benchmark(folder, {"tasks": write(folder / "tasks.jsonl", *records)}, config)
    return Benchmark.load(folder, config.ngram), counts


def shares(folder: Path, record: object, text: str, **fields: Any) -> str | None:
    return read(folder, record, **fields)[0].shared_row(text)


def test_a_shared_ngram_is_found_whatever_its_case_and_punctuation(tmp_path: Path) -> None:
    benchmark = read(tmp_path, {"question": QUESTION})[0]
    text = "Before. WHICH of the following rivers -- flows from the lake (in the north) to something else"
    assert benchmark.shared_row(text) == "which of the following rivers flows from the lake in the north to"
    assert benchmark.shared_row(text.replace("north", "south")) is None


@pytest.mark.parametrize("record", [QUESTION, [QUESTION], {"a": {"b": [1, None, {"c": QUESTION}]}}])
def test_strings_at_any_depth_count(tmp_path: Path, record: object) -> None:
    assert read(tmp_path, {"n": 1}, record)[0].shared_row(QUESTION)


def test_keys_contaminate_nothing(tmp_path: Path) -> None:
    benchmark, counts = read(tmp_path, {QUESTION: "a key", "more": QUESTION[-20:]})
    assert not benchmark.hashes
    assert benchmark.shared_row(QUESTION) is None
    assert counts == {"benchmark_items": {"tasks": 1}, "benchmark_items_unprotected": {"tasks": 1}}


def test_the_strings_of_an_item_are_one_text_in_their_order(tmp_path: Path) -> None:
    words = QUESTION.split()
    assert shares(tmp_path, [" ".join(words[:5]), {"x": " ".join(words[5:9]), "y": " ".join(words[9:])}], QUESTION)
    assert shares(tmp_path, [" ".join(words[:7]), "between", " ".join(words[10:])], QUESTION) is None


@pytest.mark.parametrize("words", [8, 10, 12])
def test_of_a_shorter_item_a_document_must_have_the_whole(tmp_path: Path, words: int) -> None:
    short = " ".join(QUESTION.split()[:words])
    benchmark, counts = read(tmp_path, {"question": short})
    assert benchmark.shared_row(f"Somebody asked: {short.upper()}, and then?") == short.lower()
    assert benchmark.shared_row(" ".join(short.split()[:-1])) is None
    assert counts["benchmark_items_unprotected"] == {"tasks": 0}


@pytest.mark.parametrize(
    "record", ["Which of the following rivers flows from", {"question": "Why?", "answer": "No."}, {"n": 1}]
)
def test_items_that_are_too_short_contaminate_nothing_and_are_counted(tmp_path: Path, record: object) -> None:
    benchmark, counts = read(tmp_path, record, {"question": QUESTION})
    assert benchmark.shared_row("Which of the following rivers flows from here? Why? No.") is None
    assert counts == {"benchmark_items": {"tasks": 2}, "benchmark_items_unprotected": {"tasks": 1}}


def test_without_a_least_length_short_items_contaminate_nothing(tmp_path: Path) -> None:
    short = " ".join(QUESTION.split()[:12])
    assert shares(tmp_path, short, QUESTION, min_item_words=None) is None
    assert shares(tmp_path, short, QUESTION, min_item_words=12)
    assert shares(tmp_path, QUESTION, QUESTION, min_item_words=None)


def test_short_strings_of_many_items_say_nothing(tmp_path: Path) -> None:
    licence = "Creative Commons Attribution Share Alike 4.0 International License applies"
    items = [{"question": f"{QUESTION} {name}", "licence": licence} for name in ("One", "Two", "Three", "Four")]
    assert read(tmp_path, *items[:3])[0].shared_row(f"{licence}.")
    assert read(tmp_path, *items)[0].shared_row(f"{licence}.") is None
    assert read(tmp_path, *items)[0].shared_row(QUESTION)


@pytest.mark.parametrize("form", ["{}. {}", "({}) {}", "{}: {}"])
def test_a_question_of_choice_is_found_with_its_options(tmp_path: Path, form: str) -> None:
    options = [form.format(letter, option) for letter, option in zip("ABCD", CHOICE["choices"], strict=True)]
    text = "Quiz of the week.\n" + "\n".join([str(CHOICE["question"]), *options])
    assert shares(tmp_path, CHOICE, text)
    short = CHOICE | {"question": "What was found?"}
    assert shares(tmp_path, short, text.replace(str(CHOICE["question"]), "What was found?"))
    named = {"question": "What was found?", **dict(zip("ABCD", CHOICE["choices"], strict=True))}
    assert shares(tmp_path, named, text.replace(str(CHOICE["question"]), "What was found?"))


def test_a_question_of_choice_is_not_found_in_its_answer(tmp_path: Path) -> None:
    assert (
        shares(tmp_path, CHOICE, "Under the wheel of the mill lay an old iron key, and nothing at all beside it.")
        is None
    )


@pytest.mark.parametrize(
    "item",
    [
        CHINESE,
        "川沿いの水車小屋は村のためにライ麦と小麦をひいていて、石の橋ができてからずっと水車は回り続けている。主人は毎朝水門を開ける。",
        "โรงสีริมแม่น้ำสีข้าวให้คนในหมู่บ้านมานานแล้วตั้งแต่สะพานหินสร้างเสร็จ กังหันน้ำหมุนอยู่ทุกวัน",
        "방앗간 주인은 호밀 열네 자루를 가지고 있는데 정오 전에 시장에서 그 삼분의 일을 상인에게 팔았다. 몇 자루가 남았는가?",
    ],
)
def test_items_in_any_script_protect(tmp_path: Path, item: str) -> None:
    benchmark, counts = read(tmp_path, {"question": item})
    assert benchmark.shared_row(f"前言。{item}后记。")
    assert benchmark.shared_row(item[: len(item) // 5]) is None
    assert counts["benchmark_items_unprotected"] == {"tasks": 0}


def test_a_name_is_no_item_in_a_script_without_spaces(tmp_path: Path) -> None:
    name = "第十一届全国人民代表大会常务委员会"  # 17 letters are worth 8.5 words
    assert shares(tmp_path, {"question": f"{name}于哪一年成立，由谁担任委员长？"}, f"{name}昨天开会。") is None


def test_documents_shorter_than_an_ngram_are_clean(tmp_path: Path) -> None:
    benchmark = read(tmp_path, QUESTION)[0]
    assert benchmark.shared_row("which of the following") is None
    assert benchmark.shared_row("") is None
    assert read(tmp_path)[0].shared_row(QUESTION) is None


@pytest.mark.parametrize("line", ['{"cut": "off', "[" * 100_000, "\x00"])
def test_a_line_that_is_no_json_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "tasks.jsonl"
    path.write_text('{"fine": 1}\n\n' + line)
    with pytest.raises(ValueError, match=r"tasks\.jsonl, line 3: not JSON"):
        read_benchmark(tmp_path, {"tasks": path}, ContaminationConfig())


def test_defaults() -> None:
    assert (ContaminationConfig().ngram, ContaminationConfig().min_item_words) == (13, 8)


@given(st.lists(st.sampled_from("abcd"), max_size=40), st.integers(1, 5))
def test_hashes_are_equal_exactly_where_rows_are(words: list[str], n: int) -> None:
    rows = Rows(" ".join(words))
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    ends = rows.ends(n)
    assert ends.tolist() == rows.ends_of(n).tolist() == list(range(n, len(words) + 1))
    hashes = rows.hashes(ends)
    assert hashes.dtype == np.uint64
    assert len(set(zip(grams, hashes.tolist(), strict=True))) == len(set(grams)) == len(set(hashes.tolist()))


@given(st.text(st.sampled_from("今天，ກດີab 1"), max_size=40), st.integers(1, 5))
def test_a_row_is_worth_n_words_and_no_shorter_one_is(text: str, n: int) -> None:
    rows = Rows(text)
    worths = [Rows(word).worth for word in rows.words]
    ends = rows.ends(n).tolist()
    for start, end in enumerate(ends):
        assert sum(worths[start:end]) >= n > sum(worths[start : end - 1])
    assert sum(worths[len(ends) :]) < n
    assert sum(worths) == rows.worth


def test_a_table_of_numbers_contaminates_nothing(tmp_path: Path) -> None:
    table = "Receipts and outlays by year: " + " ".join(str(number) for number in range(1900, 1940))
    benchmark = read(tmp_path, {"question": table})[0]
    assert benchmark.shared_row(" ".join(str(number) for number in range(60))) is None
    assert benchmark.shared_row(table) is None
    words = "in 1862 the receipts from all sources were 51 million and the outlays 46 million dollars"
    assert shares(tmp_path, {"question": words}, words)
