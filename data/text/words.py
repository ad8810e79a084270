"""Words, lines and sentences: how the filters cut a text, and how texts are normalised before they are compared.

Splitters are named, because the word splitter decides more about the filters than their thresholds do. The published
thresholds were made for words at white space, the default. datatrove as it ships takes spaCy's words, whose punctuation marks
count in every denominator: of 5,000 real documents 27 % then fall to Gopher's rule on words with a letter, with words at
white space 1.6 %, and the two agree on 77 % of all decisions. "punctuation" is near to spaCy, at a hundredth of its price.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Literal

WordSplitter = Literal["whitespace", "punctuation"]
LETTER, NO_MARK = 1, 2  # kinds of characters, and of words: a word is of the kinds of all its characters

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
END_MARKS = "".join(
    chr(code)
    for first, _, last in (item.partition("-") for item in _END_MARKS.split())
    for code in range(int(first, 16), int(last or first, 16) + 1)
)

# Those of historic scripts, beyond the first 65,536 characters, would make every search slow.
_ENDS = re.escape("".join(mark for mark in END_MARKS if mark <= "\uffff") + "…")
# Each run of end marks is tried once, at its start, so a megabyte of dots stays linear.
_SENTENCE_END = re.compile(rf"(?<![{_ENDS}])[{_ENDS}]++[\"'”’»)\]]*+(?=\s|$)|[。！？]")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_PUNCTUATION_TO_SPACE = str.maketrans(dict.fromkeys(PUNCTUATION, " "))


@cache
def word_pattern() -> re.Pattern[str]:
    """Letters, digits and underscores with the marks that stand on them: `\\w` alone cuts Hindi and Thai at every vowel."""
    marks = "".join(
        mark
        for mark in map(chr, range(0x10000))
        if unicodedata.category(mark) in ("Mn", "Mc") and not "\ufe00" <= mark <= "\ufe0f"  # those choose a glyph
    )
    return re.compile(rf"\w++(?:[{marks}]++\w*+)*+")


def _words_and_marks(text: str) -> list[str]:
    return _word_or_mark().findall(text)


@cache
def _word_or_mark() -> re.Pattern[str]:
    return re.compile(rf"{word_pattern().pattern}|[^\w\s]")


SPLITTERS: dict[WordSplitter, Callable[[str], list[str]]] = {
    "whitespace": str.split,  # fast, and what the published thresholds were meant for
    "punctuation": _words_and_marks,  # every punctuation mark is a word, near to spaCy and NLTK
}


def split_words(text: str, splitter: WordSplitter = "whitespace") -> list[str]:
    """The words of `text` under the named splitter."""
    return SPLITTERS[splitter](text)


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
    """Sentences in `line`: runs of end marks before white space, plus what follows the last of them.

    With `enough` the count ends there.
    """
    count, end = 0, 0
    for match in _SENTENCE_END.finditer(line):
        count, end = count + 1, match.end()
        if count == enough:
            return count
    return count + bool(line[end:].strip())


def normalize(text: str) -> str:
    """`text` as it is compared with others: lower case, numbers as 0, punctuation as space, single spaces, no diacritics.

    The order and the character classes are those of datatrove's `simplify_text`.
    """
    text = _NUMBER.sub("0", text.lower()).translate(_PUNCTUATION_TO_SPACE)
    if not text.isascii():
        text = _without_marks(unicodedata.normalize("NFD", text))
    return " ".join(text.split())


def _without_marks(text: str) -> str:
    """`text` without combining marks (Unicode category Mn)."""
    marks = [character for character in set(text) if unicodedata.category(character) == "Mn"]
    return text.translate(dict.fromkeys(map(ord, marks))) if marks else text
