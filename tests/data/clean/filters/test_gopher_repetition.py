from collections import Counter
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.clean.filters.gopher_repetition import RULES, GopherRepetitionConfig, check, measures
from data.text import ngrams as ngrams_module
from data.text.word_arrays import WordArrays, words_of

CONFIG = GopherRepetitionConfig()
ALL_OFF = dict.fromkeys(GopherRepetitionConfig.model_fields)


def only(rule: str, limit: float) -> GopherRepetitionConfig:
    """Every rule but one off."""
    return GopherRepetitionConfig(**ALL_OFF | {rule: limit})


def naive_top(words: list[str], n: int) -> int:
    """Characters in all copies of the most frequent n-gram, joined by spaces, the first of equals."""
    grams = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
    if not grams:
        return 0
    gram, count = grams.most_common(1)[0]
    return len(gram) * count


def naive_duplicates(words: list[str], n: int) -> int:
    """Characters in repeated n-grams without spaces, going on behind each that was counted."""
    seen, characters, i = set(), 0, 0
    while i + n <= len(words):
        gram = "".join(words[i : i + n])
        if gram in seen:
            characters += len(gram)
            i += n
        else:
            seen.add(gram)
            i += 1
    return characters


@st.composite
def texts(draw: st.DrawFn) -> list[str]:
    """Words with runs that repeat."""
    word = st.sampled_from(["a", "aa", "b", "ab", "ba", "ccc", "dddd", "é", "longer", "longerword", "quitelongwords"])
    runs = draw(st.lists(st.tuples(st.lists(word, min_size=1, max_size=12), st.integers(1, 4)), min_size=1, max_size=6))
    return [word for run, times in runs for word in run * times]


@given(
    texts(),
    st.integers(2, 10),
    st.floats(0, 1),
)
@settings(max_examples=300, deadline=None)
def test_ngram_rules_decide_and_measure_as_the_plain_definition(words: list[str], n: int, limit: float) -> None:
    text = " ".join(words)
    rule = f"top_{n}_gram" if n <= 4 else f"duplicate_{n}_gram"
    characters = naive_top(words, n) if n <= 4 else naive_duplicates(words, n)
    rejection = check(text, words_of(text), only(rule, limit))
    if characters / len(text) > limit:
        assert rejection is not None
        assert rejection.rule == rule
        assert rejection.detail == f"{characters / len(text):.4g} > {limit:g}"
    else:
        assert rejection is None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("same paragraph\n\n" * 4 + "another one", "duplicate_paragraphs"),
        (
            "one\n\ntwo\n\nthree\n\nfour" + "\n\nlong " + "x" * 40 + "\n\nlong " + "x" * 40,
            "duplicate_paragraph_characters",
        ),
        ("same line\n" * 4 + "another line\nand one", "duplicate_lines"),
        ("a\nb\nc\nd\ne\nf" + ("\n" + "x" * 40) * 2, "duplicate_line_characters"),
    ],
)
def test_lines_and_paragraphs_that_repeat(text: str, rule: str) -> None:
    rejection = check(text, words_of(text), CONFIG)
    assert rejection is not None
    assert rejection.rule == rule


def test_only_extra_copies_of_a_line_count() -> None:
    # Three copies of one line among ten: two extra ones. Dolma would count three, and reject at 0.25.
    lines = ["copy"] * 3 + [f"line {i} with words" for i in range(7)]
    text = "\n".join(lines)
    assert check(text, words_of(text), only("duplicate_lines", 0.2)) is None
    rejection = check(text, words_of(text), only("duplicate_lines", 0.19))
    assert rejection is not None
    assert rejection.detail == "0.2 > 0.19"


def test_a_document_shorter_than_an_ngram_skips_its_rule() -> None:
    assert check("one two", words_of("one two"), only("top_3_gram", 0)) is None
    assert check("a b c", words_of("a b c"), only("duplicate_5_gram", 0)) is None


@given(st.lists(texts(), min_size=1, max_size=5), st.integers(2, 10))
@settings(max_examples=300, deadline=None)
def test_bounds_hold_for_all_texts_that_share_their_arrays(lists: list[list[str]], n: int) -> None:
    with mock.patch.object(ngrams_module, "_BLOCK", 16):  # characters that are hashed at a time
        ngrams = WordArrays(list(map(" ".join, lists))).ngrams
        for number, words in enumerate(lists):
            if n < 5:
                exact, found, bounds = naive_top(words, n), ngrams.top_characters, ngrams.most_top_characters(n)
            else:
                exact, found, bounds = (
                    naive_duplicates(words, n),
                    ngrams.duplicate_characters,
                    ngrams.most_duplicate_characters(n),
                )
            assert found(number, n) == exact <= bounds[number]


def test_copies_that_stand_apart_count_in_full_where_what_they_copy_overlaps() -> None:
    words = ["one", "two", "three", "four", "five", "six", "x", "one", "two", "three", "four", "five", "y"]
    words += ["two", "three", "four", "five", "six"]
    ngrams = words_of(" ".join(words)).arrays.ngrams
    assert ngrams.duplicate_characters(0, 5) == naive_duplicates(words, 5) == 19 + 19
    assert ngrams.most_duplicate_characters(5)[0] == 38


def test_a_bound_is_nothing_where_nothing_repeats_in_a_text() -> None:
    # So many n-grams that some fall to the same slot of the table; and the texts are the same, but each for itself.
    words = [f"{number:x}" for number in range(20_000)]
    ngrams = WordArrays([" ".join(each) for each in (words, words[:50], words[:50])]).ngrams
    for n in (5, 10):
        assert ngrams.most_duplicate_characters(n).tolist() == [0, 0, 0]
    assert ngrams.most_top_characters(2).tolist() == [9, 5, 5]


def test_a_long_text_is_hashed_in_blocks_as_one() -> None:
    # Words of many lengths over several blocks of 32,768 characters, and a copy of all of it.
    words = [f"{n:x}" * (n % 7 + 1) for n in range(30_000)]
    assert len("".join(words)) > 3 * 32_768
    words *= 2
    for n in (5, 10):
        ngrams = words_of(" ".join(words)).arrays.ngrams
        assert ngrams.duplicate_characters(0, n) == naive_duplicates(words, n)
        assert ngrams.most_duplicate_characters(n)[0] == len("".join(words)) // 2


def test_measures_without_limits_are_exact() -> None:
    words = ["the", "old", "road", *["and", "the", "old", "bridge", "by", "the"] * 2]
    text = " ".join(words)
    found = dict(measures(text, words_of(text), CONFIG))
    assert list(found) == [*RULES][: len(found)]
    assert found["top_2_gram"] == naive_top(words, 2) / len(text)
    assert found["duplicate_5_gram"] == naive_duplicates(words, 5) / len(text)
