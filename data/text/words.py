"""Words, lines and sentences: how the filters cut a text, and how texts are normalised before they are compared.

Splitters are named, because the word splitter decides more about the filters than their thresholds do. The published
thresholds were made for words at white space, the default. datatrove as it ships takes spaCy's words, whose punctuation marks
count in every denominator: of 5,000 real documents 27 % then fall to Gopher's rule on words with a letter, with words at
white space 1.6 %, and the two agree on 77 % of all decisions. "punctuation" is near to spaCy, at a hundredth of its price.

Some scripts put no spaces between words. There each letter is a word, with the marks on it and the punctuation behind it, under
both splitters. Where limits were published for words, so many such letters stand for a word as `LETTERS_A_WORD` says.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise
from typing import Literal

WordSplitter = Literal["whitespace", "punctuation"]
Numbers = Literal["zero", "keep"]
# Kinds of characters, and of words: a word is of the kinds of all its characters. Of white space no word has any.
LETTER, NO_MARK, SPACE, HALF, QUARTER, BREAK = 1, 2, 4, 8, 16, 32

# The scripts without spaces, first and last code points of their blocks in hexadecimal, by how many letters stand for a word.
# Source: the translations of the Universal Declaration of Human Rights, where a word of the English is worth 1.4 letters of
# Chinese, 1.7 of Yi, 2.2 of Japanese, and 3.4 (Javanese) to 4.3 (Lao) of the others.
LETTERS_A_WORD = {
    2: "3005-3007 3031-3035 303b-303c 3040-30ff 3105-312f 31a0-31bf 31f0-31ff 3400-4dbf 4e00-9fff a000-a48c f900-faff ff66-ff9f "
    "1b000-1b16f 20000-3ffff",  # kana, Bopomofo, Chinese characters, Yi
    4: "e01-eff f00-fff 1000-109f 1780-17ff 1950-19df 1a20-1aaf 1b00-1b7f a980-a9ff aa60-aadf",  # Thai, Lao, Tibetan, Burmese,
    # Khmer, Tai Le, New Tai Lue, Tai Tham, Balinese, Javanese, Tai Viet
}
ETHIOPIC_SPACE = "\u1361"  # It stands between words in the place of a space, in older Amharic.

# What datatrove counts as punctuation: the marks below and the control characters (utils/text.py).
PUNCTUATION = "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»" + "".join(
    chr(code) for first, last in ((0, 9), (11, 13), (13, 32), (127, 160)) for code in range(first, last)
)
# What ends a sentence in any script, as datatrove lists it (utils/text.py, from Unicode's Sentence_Terminal): code points in
# hexadecimal, or the first and last of some.
_END_MARKS = """
21 2e 3f 589 61d-61f 6d4 700-702 7f9 837 839 83d-83e 964-965 104a-104b 1362 1367-1368 166e 1735-1736
17d4-17d6 17d9-17da 1803 1809 1944-1945 1aa8-1aab 1b5a-1b5b 1b5e-1b5f 1b7d-1b7e 1c3b-1c3c 1c7e-1c7f
203c-203d 2047-2049 2e2e 2e3c 2e53-2e54 3002 a4ff a60e-a60f a6f3 a6f7 a876-a877 a8ce-a8cf a92f
a9c8-a9c9 aa5d-aa5f aaf0-aaf1 abeb fe52 fe56-fe57 ff01 ff0e ff1f ff61 10a56-10a57 10f55-10f59
10f86-10f89 11047-11048 110be-110c1 11141-11143 111c5-111c6 111cd 111de-111df 11238-11239
1123b-1123c 112a9 1144b-1144c 115c2-115c3 115c9-115d7 11641-11642 1173c-1173e 11944 11946
11a42-11a43 11a9b-11a9c 11c41-11c42 11ef7-11ef8 11f43-11f44 16a6e-16a6f 16af5 16b37-16b38 16b44
16e98 1bc9f 1da88
"""


def _code_points(ranges: str) -> Iterator[int]:
    """The code points of `ranges`, which are in hexadecimal: one, or the first and last of several."""
    for first, _, last in (item.partition("-") for item in ranges.split()):
        yield from range(int(first, 16), int(last or first, 16) + 1)


END_MARKS = "".join(map(chr, _code_points(_END_MARKS)))

# Thai and Lao end a sentence with a space, and Tibetan with a shad, which Unicode does not count among the end marks.
_ENDS_BY_SPACE, _SHADS = "\u0e01-\u0eff", "\u0f0d-\u0f11"
# What a line of whole sentences may end in.
LINE_ENDS = frozenset(END_MARKS) | {chr(code) for code in (*range(0xE01, 0xF00), *range(0xF0D, 0xF12))}
# Those of historic scripts, beyond the first 65,536 characters, would make every search slow.
_ENDS = re.escape("".join(mark for mark in END_MARKS if mark <= "\uffff") + "…") + _SHADS
# Each run of end marks is tried once, at its start, so a megabyte of dots stays linear.
_SENTENCE_END = re.compile(rf"(?<![{_ENDS}])[{_ENDS}]++[\"'”’»)\]]*+(?=\s|$)|[。！？]")
_SENTENCE_END_OF_ALL = re.compile(rf"{_SENTENCE_END.pattern}|[{_ENDS_BY_SPACE}](?=\s)")
_HAS_ENDS_BY_SPACE = re.compile(
    f"[{_ENDS_BY_SPACE}]"
)  # Most texts have none, and the expression without them is faster.
_BEYOND = re.compile("[\U00010000-\U0010ffff]")
_NUMBER = re.compile(r"\d+(?:[.,،٫⎖⎗⎘]\d+)?")  # datatrove's: decimal digits of any script, with at most one separator
_PUNCTUATION_TO_SPACE = str.maketrans(dict.fromkeys(PUNCTUATION, " "))


def split_words(text: str, splitter: WordSplitter = "whitespace") -> list[str]:
    """The words of `text` under the named splitter."""
    return SPLITTERS[splitter](text)


def find_words(text: str) -> list[str]:
    """The words of letters, digits and underscores in `text`, with the marks that stand on them, and nothing between them."""
    return (_unspaced_or_word() if has_unspaced(text) else _word()).findall(text)


def normalized_words(text: str, numbers: Numbers = "zero") -> list[str]:
    """The words of `text` as they are compared with those of others."""
    return split_words(normalize(text, numbers))


def has_unspaced(text: str) -> bool:
    """Whether `text` has words between which there is no space."""
    if text.isascii():
        return False
    common, all_of_them = _unspaced()
    return bool(common.search(text) or (_BEYOND.search(text) and all_of_them.search(text)))


@cache
def unspaced_letters(letters_a_word: int) -> str:
    """The letters of the scripts of `LETTERS_A_WORD`."""
    return "".join(filter(str.isalpha, map(chr, _code_points(LETTERS_A_WORD[letters_a_word]))))


def _at_white_space(text: str) -> list[str]:
    if has_unspaced(text):
        text = _with_marks().sub(r" \g<0> ", text).replace(ETHIOPIC_SPACE, f"{ETHIOPIC_SPACE} ")
    return text.split()


def _words_and_marks(text: str) -> list[str]:
    return (_unspaced_or_word_or_mark() if has_unspaced(text) else _word_or_mark()).findall(text)


SPLITTERS: dict[WordSplitter, Callable[[str], list[str]]] = {
    "whitespace": _at_white_space,  # fast, and what the published thresholds were meant for
    "punctuation": _words_and_marks,  # every punctuation mark is a word, near to spaCy and NLTK
}


@cache
def _unspaced() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """What finds those among the first 65,536 characters, and what finds all, which is six times as slow."""
    common = "".join(range for range in re.findall(".-.", _unspaced_class()) if range[-1] <= "\uffff")
    return re.compile(f"[{common}{ETHIOPIC_SPACE}]"), re.compile(f"[{_unspaced_class()}]")


@cache
def _with_marks() -> re.Pattern[str]:
    """A letter of a script without spaces, with the marks on it and the punctuation behind it."""
    return re.compile(rf"[{_unspaced_class()}][^\w\s]*+")


@cache
def _word() -> re.Pattern[str]:
    """`\\w` alone cuts Hindi at every vowel, which is a mark."""
    return re.compile(rf"\w++(?:[{_marks()}]++\w*+)*+")


@cache
def _unspaced_or_word() -> re.Pattern[str]:
    unspaced, marks = _unspaced_class(), _marks()
    return re.compile(rf"[{unspaced}][{marks}]*+|[^\W{unspaced}]++(?:[{marks}]++[^\W{unspaced}]*+)*+")


@cache
def _word_or_mark() -> re.Pattern[str]:
    return re.compile(rf"{_word().pattern}|[^\w\s]")


@cache
def _unspaced_or_word_or_mark() -> re.Pattern[str]:
    return re.compile(rf"{_unspaced_or_word().pattern}|[^\w\s]")


@cache
def _unspaced_class() -> str:
    """The letters of scripts without spaces, for a set in an expression."""
    letters = sorted("".join(map(unspaced_letters, LETTERS_A_WORD)))
    breaks = [0, *(n for n in range(1, len(letters)) if ord(letters[n]) > ord(letters[n - 1]) + 1), len(letters)]
    return "".join(f"{letters[first]}-{letters[end - 1]}" for first, end in pairwise(breaks))


@cache
def _marks() -> str:
    """Marks that stand on letters, for a set in an expression."""
    return "".join(
        mark
        for mark in map(chr, range(0x10000))
        if unicodedata.category(mark) in ("Mn", "Mc") and not "\ufe00" <= mark <= "\ufe0f"  # those choose a glyph
    )


def split_lines(text: str) -> list[str]:
    """Lines between runs of newlines; a newline at either end gives an empty line there, as in datatrove."""
    lines = text.split("\n")
    if "\n\n" not in text:
        return lines
    return [lines[0], *filter(None, lines[1:-1]), lines[-1]]


def split_paragraphs(text: str) -> list[str]:
    """Paragraphs between empty lines."""
    paragraphs = text.strip().split("\n\n")
    if len(paragraphs) == 1:
        return paragraphs
    # A third newline in a row is left at the start of the next, and of a fourth nothing but an empty one.
    return [paragraph for paragraph in (each.lstrip("\n") for each in paragraphs) if paragraph]


def count_sentences(line: str, enough: int | None = None) -> int:
    """Sentences in `line`: runs of end marks before white space, plus what follows the last of them. In Thai and Lao a space
    is an end.

    With `enough` the count ends there.
    """
    count, end = 0, 0
    ends = _SENTENCE_END_OF_ALL if not line.isascii() and _HAS_ENDS_BY_SPACE.search(line) else _SENTENCE_END
    for match in ends.finditer(line):
        count, end = count + 1, match.end()
        if count == enough:
            return count
    return count + bool(line[end:].strip())


def normalize(text: str, numbers: Numbers = "zero") -> str:
    """`text` as it is compared with others: lower case, numbers as 0, punctuation as space, single spaces, no diacritics.

    The order and the character classes are those of datatrove's `simplify_text`. With `numbers="keep"` numbers stay.
    """
    text = text.lower()
    text = (_NUMBER.sub("0", text) if numbers == "zero" else text).translate(_PUNCTUATION_TO_SPACE)
    if not text.isascii():
        text = _without_marks(unicodedata.normalize("NFD", text))
    return " ".join(text.split())


def _without_marks(text: str) -> str:
    """`text` without combining marks (Unicode category Mn)."""
    marks = [character for character in set(text) if unicodedata.category(character) == "Mn"]
    return text.translate(dict.fromkeys(map(ord, marks))) if marks else text
