"""Words, lines and sentences: how the filters cut a text, and how texts are normalised before they are compared.

Splitters are named, because the word splitter decides more about the filters than their thresholds do: with punctuation
marks as words of their own about a quarter of good documents fall to Gopher's rule on words with a letter, with words
cut at white space under 2 %.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Literal

WordSplitter = Literal["whitespace", "punctuation"]

# What datatrove counts as punctuation: the marks below and the control characters (utils/text.py).
PUNCTUATION = "!/—”:％１〈&(、━\\【#%「」，】；+^]~“《„';’{|∶´[=-`*．（–？！：$～«〉,><》)?）。…@_.\"}►»" + "".join(
    chr(code) for first, last in ((0, 9), (11, 13), (13, 32), (127, 160)) for code in range(first, last)
)

_WORD_OR_MARK = re.compile(r"\w+|[^\w\s]")
# Each run of end marks is tried once, at its start, so a megabyte of dots stays linear.
_SENTENCE_END = re.compile(r"(?<![.!?…。！？])[.!?…。！？]++[\"'”’»)\]]*+(?=\s|$)|[。！？]")
_LINES = re.compile(r"\n+")
_PARAGRAPHS = re.compile(r"\n{2,}")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_PUNCTUATION_TO_SPACE = str.maketrans(dict.fromkeys(PUNCTUATION, " "))

SPLITTERS: dict[WordSplitter, Callable[[str], list[str]]] = {
    "whitespace": str.split,  # fast, and what the published thresholds were meant for
    "punctuation": _WORD_OR_MARK.findall,  # every punctuation mark is a word, near to spaCy and NLTK
}


def split_words(text: str, splitter: WordSplitter = "whitespace") -> list[str]:
    """The words of `text` under the named splitter."""
    return SPLITTERS[splitter](text)


def split_lines(text: str) -> list[str]:
    """Lines between runs of newlines; a newline at either end gives an empty line there, as in datatrove."""
    return _LINES.split(text)


def split_paragraphs(text: str) -> list[str]:
    """Paragraphs between empty lines."""
    return _PARAGRAPHS.split(text.strip())


def count_sentences(line: str) -> int:
    """Sentences in `line`: runs of end marks before white space, plus what follows the last of them."""
    count, end = 0, 0
    for match in _SENTENCE_END.finditer(line):
        count, end = count + 1, match.end()
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
