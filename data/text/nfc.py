"""Unicode's normal form C in time that grows with the text, whatever it is.

CPython sorts the combining marks of a character in the square of their number: a megabyte of them would take minutes.
"""

import re
import sys
import unicodedata
from functools import cache


def nfc(text: str) -> str:
    """`text` in NFC."""
    if unicodedata.is_normalized("NFC", text):
        return text
    return unicodedata.normalize("NFC", with_sorted_marks(text))


def with_sorted_marks(text: str) -> str:
    """`text` with long runs of combining marks decomposed and in canonical order (Unicode 3.11, D109), as NFC would put them."""
    return text if text.isascii() else _long_run_of_marks().sub(_sorted, text)


def _sorted(run: re.Match[str]) -> str:
    marks = "".join(unicodedata.normalize("NFD", mark) for mark in run[0])
    return "".join(sorted(marks, key=unicodedata.combining))


@cache
def _long_run_of_marks() -> re.Pattern[str]:
    marks = filter(unicodedata.combining, map(chr, range(sys.maxunicode + 1)))  # this takes some 60 ms, once
    return re.compile(f"[{re.escape(''.join(marks))}]{{100,}}")
