import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.text.word_arrays import LETTER, NO_MARK, WordArrays, Words, words_of
from data.text.words import WordSplitter, split_words

SPACES = [character for character in map(chr, range(sys.maxunicode + 1)) if character.isspace()]
PIECES = st.sampled_from(
    ["a", "the", "don't", "...", "é", "中", "ດີ", "。", "\U0001d400", "\ud800", "\u200b", "12", *SPACES, *[" "] * 20]
)
TEXTS = st.lists(PIECES, max_size=30).map("".join)


@given(st.lists(TEXTS, min_size=1, max_size=5), st.sampled_from(["whitespace", "punctuation"]))
def test_words_are_those_of_the_splitter(texts: list[str], splitter: WordSplitter) -> None:
    arrays = WordArrays(texts, splitter)
    for number, text in enumerate(texts):
        expected, words = split_words(text, splitter), Words(arrays, number)
        assert len(words) == len(words_of(text, splitter)) == len(expected)
        assert words.lengths.tolist() == list(map(len, expected))
        for word in (*expected, "the", "th", "", " ", "don't", "a the"):
            assert (word in words) == (word in expected)


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("so", LETTER | NO_MARK),
        ("12", NO_MARK),
        ("...", 0),
        ("s.", LETTER | NO_MARK),
        ("ж", 3),
        ("中", 11),
        ("ກ", 19),
        ("😀", 2),
    ],
)
def test_kinds(word: str, kind: int) -> None:
    assert words_of(f"one {word}\u3000").kinds.tolist() == [LETTER | NO_MARK, kind]
