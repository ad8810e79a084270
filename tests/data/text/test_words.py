"""Words of scripts that put no spaces between them, and that all others are cut as `str.split` cuts them."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.text.word_arrays import words_of
from data.text.words import (
    LINE_ENDS,
    count_sentences,
    find_words,
    has_unspaced,
    normalize,
    normalized_words,
    split_words,
)

SENTENCES = {
    "Chinese": ("今天天气很好，我们去公园。", "今 天 天 气 很 好， 我 们 去 公 园。"),
    "Japanese": ("彼はコーヒーを飲む。", "彼 は コ ー ヒ ー を 飲 む。"),
    "Thai": ("น้ำดี", "น้ ำ ดี"),
    "Lao": ("ສະບາຍດີ", "ສ ະ ບ າ ຍ ດີ"),
    "Khmer": ("សួស្តី", "សួ ស្ តី"),
    "Burmese": ("ကောင်း", "ကော င်း"),
    "Tibetan": ("བོད་ཡིག", "བོ ད་ ཡི ག"),
    "Chinese with others": ("我用Python 3写了2个程序", "我 用 Python 3 写 了 2 个 程 序"),
    "Amharic": ("ሰላም፡ለዓለም።", "ሰላም፡ ለዓለም።"),
}
SPACED = [
    "Der alte Hafen, sagte er.",
    "Старая библиотека",
    "전화는 어디에",
    "यह एक पुराना है।",
    "السلام عليكم",
    "“é” — x",
]


@pytest.mark.parametrize("language", SENTENCES)
def test_each_letter_is_a_word_with_what_stands_on_and_behind_it(language: str) -> None:
    text, words = SENTENCES[language]
    assert " ".join(split_words(text)) == words
    assert has_unspaced(text)


@pytest.mark.parametrize("text", SPACED)
def test_words_of_other_scripts_stand_between_spaces(text: str) -> None:
    assert split_words(text) == text.split()
    assert words_of(text).worth() == len(text.split())
    assert not has_unspaced(text)


LATIN = st.text(st.characters(max_codepoint=0x24F) | st.sampled_from(" \n“”—…’"), max_size=60)
ANY = st.text(st.sampled_from("今天，。น้ำดีកaé1 \n「ーか\u0301"), max_size=40)


@given(LATIN)
def test_latin_words_are_those_of_split(text: str) -> None:
    assert split_words(text) == text.split()


@given(ANY, st.sampled_from(["whitespace", "punctuation"]))
def test_words_are_the_whole_text_and_a_wrapped_line_changes_none_at_spaces(text: str, splitter: str) -> None:
    assert "".join(split_words(text, splitter)) == "".join(text.split())
    assert split_words(text.replace(" ", "\n"), splitter) == split_words(text, splitter)


def test_marks_are_words_with_the_other_splitter() -> None:
    assert split_words("好，Python很 好！", "punctuation") == ["好", "，", "Python", "很", "好", "！"]
    assert find_words("好，don't น้ำ") == ["好", "don", "t", "น้", "ำ"]


def test_letters_are_worth_a_part_of_a_word() -> None:
    assert words_of("今天天气 and more").worth() == 4
    assert words_of("ສະບາຍ").worth() == 1.25
    assert [words_of(text).letters_a_word for text in ("今天天气", "ສະບາຍ", "今天 and many more", "one")] == [
        2,
        4,
        1,
        1,
    ]


def test_words_are_compared_without_marks_and_case() -> None:
    assert normalized_words("今天，が ÉLAN") == ["今", "天", "か", "elan"]


@pytest.mark.parametrize(
    ("text", "zero", "keep"),
    [
        ("$10,000 in cash", "0 in cash", "10 000 in cash"),
        ("1.5 and ٣٫٢ and 3，4", "0 and 0 and 0 0", "1 5 and ٣٫٢ and 3 4"),
        ("1.2.3", "0 0", "1 2 3"),
    ],
)
def test_numbers(text: str, zero: str, keep: str) -> None:
    assert normalize(text) == zero
    assert normalize(text, "keep") == keep


@given(st.text(st.sampled_from("0123٣५.,،٫⎖⎘- aé$今"), max_size=30))
def test_texts_are_normalised_as_by_datatrove(text: str) -> None:
    from datatrove.utils.text import simplify_text

    assert normalize(text).split() == unicodedata.normalize("NFD", simplify_text(text)).split()


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        ("ฉันไปตลาด เธออยู่บ้าน เขานอน", 3),
        ("ຂ້ອຍໄປຕະຫຼາດ ລາວຢູ່ເຮືອນ", 2),
        ("བོད་ཡིག། རྒྱ་ཡིག། ང་།", 3),
        ("今天天气很好。我们去公园！好吗？好", 4),
        ("ខ្ញុំទៅផ្សារ។ គាត់នៅផ្ទះ។", 2),
        ("သူသွားသည်။ ကျွန်တော်နေသည်။", 2),
        ("एक है। दो है।", 2),
    ],
)
def test_sentences_end_as_their_script_ends_them(line: str, sentences: int) -> None:
    assert count_sentences(line) == sentences
    assert line[-1] in LINE_ENDS or line[-1] == "好"


def test_a_word_of_several_letters_is_among_the_words_of_its_script() -> None:
    words = words_of("และคน การพัฒนา 中文，所以 so")
    assert all(word in words for word in ("และ", "การ", "所以", "中", "so"))
    assert all(word not in words for word in ("ที่", "以所", "s"))
