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
    if method == "nfc" and text.isascii() and "\r" not in text:
        return text.strip()
    return normalise_and_encode(text, method)[0]


def normalise_and_encode(text: str, method: Normalisation) -> tuple[str, bytes]:
    """`normalise`, and the UTF-8 of what it gives: a good part of the work is to come by that."""
    text, content = _encodable(text)
    if method == "ftfy":
        from data.mojibake import is_clean, repair

        if not is_clean(text, content):
            text = unicodedata.normalize("NFC", _one_newline(repair(_one_newline(text))))
            content = b""
    else:
        text, content = unicodedata.normalize("NFC", _one_newline(text)), b""
    stripped = text.strip()
    return stripped, content if content and len(stripped) == len(text) else stripped.encode()


def _encodable(text: str) -> tuple[str, bytes]:
    try:
        return text, text.encode()
    except UnicodeEncodeError:
        text = SURROGATES.sub("\ufffd", text)
        return text, text.encode()


def _one_newline(text: str) -> str:
    return NEWLINES.sub("\n", text) if any(newline in text for newline in "\r\x85\u2028\u2029") else text
