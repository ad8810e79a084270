"""Unicode normalisation: mojibake repaired by ftfy, NFC, one kind of newline."""

import re
from dataclasses import dataclass
from typing import Literal

from data.text.nfc import nfc

Normalisation = Literal["ftfy", "nfc"]

NEWLINES = re.compile("\r\n|[\r\x85\u2028\u2029]")
SURROGATES = re.compile("[\ud800-\udfff]")
ASCII_SPACE = b" \t\n\v\f\r\x1c\x1d\x1e\x1f"


@dataclass(slots=True)
class Utf8:
    """A text in UTF-8 and how many characters it has."""

    content: bytes
    characters: int

    def __str__(self) -> str:
        return self.content.decode()


def normalise(text: str, method: Normalisation = "ftfy") -> str:
    """`text` in NFC with newlines as \\n, lone surrogates as U+FFFD and no white space around it. Idempotent.

    "ftfy" also repairs text that was decoded with a wrong encoding and removes control characters
    (https://ftfy.readthedocs.io). A text that is not broken stays as its author wrote it, full-width punctuation, ligatures,
    curly quotes and HTML entities included.
    """
    if method == "nfc" and text.isascii() and "\r" not in text:
        return text.strip()
    return str(normalise_utf8(encode(text), method))


def normalise_utf8(text: Utf8, method: Normalisation) -> Utf8:
    """`normalise`, of UTF-8 to UTF-8: most texts are not changed, and then need not be decoded."""
    if method == "nfc":
        return _in_nfc(str(text))
    import data.text.mojibake as mojibake  # late: ftfy takes a while to load; importing its names would take longer

    kinds = mojibake.kinds_of(text.content)
    if "control" in kinds:
        text = encode(_one_newline(str(text)))
        kinds = mojibake.kinds_of(text.content)
    if not kinds:
        return _strip(text)
    if kinds == {"form"}:
        usual = encode(nfc(str(text)))
        if not mojibake.kinds_of(usual.content):  # every line by itself would become the same
            return _strip(usual)
    return _in_nfc(mojibake.repair(str(text)))


def encode(text: str) -> Utf8:
    """The text with lone surrogates as U+FFFD, in UTF-8."""
    try:
        return Utf8(text.encode(), len(text))
    except UnicodeEncodeError:
        return Utf8(SURROGATES.sub("\ufffd", text).encode(), len(text))


def _one_newline(text: str) -> str:
    return NEWLINES.sub("\n", text) if any(newline in text for newline in "\r\x85\u2028\u2029") else text


def _in_nfc(text: str) -> Utf8:
    return encode(nfc(_one_newline(text)).strip())


def _strip(text: Utf8) -> Utf8:
    content = text.content.strip(ASCII_SPACE)
    if content and (content[0] > 127 or content[-1] > 127) and _has_space_around(content):
        return encode(content.decode().strip())
    removed = len(text.content) - len(content)
    return Utf8(content, text.characters - removed) if removed else text


def _has_space_around(content: bytes) -> bool:
    """Whether the first or the last character is white space; one has up to four bytes."""
    return content[:4].decode(errors="ignore")[:1].isspace() or content[-4:].decode(errors="ignore")[-1:].isspace()
