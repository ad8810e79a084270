"""Unicode normalisation: mojibake repaired by ftfy, NFC, one kind of newline."""

import re
import unicodedata
from typing import Literal

Normalisation = Literal["ftfy", "nfc"]

NEWLINES = re.compile("\r\n|[\r\x85\u2028\u2029]")
SURROGATES = re.compile("[\ud800-\udfff]")
# All that ftfy ever touches in ASCII without carriage returns.
ASCII_FOR_FTFY = re.compile("[&\x00-\x08\x0b\x0e-\x1f\x7f]")


def normalise(text: str, method: Normalisation = "ftfy") -> str:
    """`text` in NFC with newlines as \\n, lone surrogates as U+FFFD and no white space around it. Idempotent.

    "ftfy" also repairs text that was decoded with a wrong encoding, unescapes HTML entities and removes control
    characters (https://ftfy.readthedocs.io); curly quotes stay as they are.
    """
    if text.isascii() and "\r" not in text and (method == "nfc" or ASCII_FOR_FTFY.search(text) is None):
        return text.strip()  # most English text: nothing below would change it
    text = NEWLINES.sub("\n", SURROGATES.sub("\ufffd", text))
    if method == "ftfy":
        text = _fix(text)
    return unicodedata.normalize("NFC", text).strip()


def _fix(text: str) -> str:
    import ftfy

    config = ftfy.TextFixerConfig(uncurl_quotes=False, normalization="NFC")
    return NEWLINES.sub("\n", ftfy.fix_text(text, config))
