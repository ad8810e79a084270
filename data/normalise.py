"""Unicode normalisation: mojibake repaired by ftfy, NFC, one kind of newline."""

import re
import unicodedata
from typing import Literal

Normalisation = Literal["ftfy", "nfc"]

NEWLINES = re.compile("\r\n|[\r\x85\u2028\u2029]")
SURROGATES = re.compile("[\ud800-\udfff]")


def normalise(text: str, method: Normalisation = "ftfy") -> str:
    """`text` in NFC with newlines as \\n, lone surrogates as U+FFFD and no white space around it. Idempotent.

    "ftfy" also repairs text that was decoded with a wrong encoding, unescapes HTML entities and removes control
    characters (https://ftfy.readthedocs.io); curly quotes stay as they are.
    """
    if method == "nfc":
        if text.isascii() and "\r" not in text:
            return text.strip()
        return unicodedata.normalize("NFC", _plain(text)).strip()
    from data.mojibake import is_clean, repair

    if is_clean(text):
        return text.strip()
    return unicodedata.normalize("NFC", NEWLINES.sub("\n", repair(_plain(text)))).strip()


def _plain(text: str) -> str:
    return NEWLINES.sub("\n", SURROGATES.sub("\ufffd", text))
