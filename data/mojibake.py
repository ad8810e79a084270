"""ftfy (https://ftfy.readthedocs.io), asked only about lines that it could change: it reads little more than 1 MB/s.

ftfy changes a line for a character that it always replaces, for an HTML entity, for a form other than NFC, or for what matches
its pattern of bad sequences (`ftfy.badness`). All that this pattern takes begins with a few characters that are bad alone, or
has two characters beside each other that are not ASCII, at least one of them no common letter. So runs of characters that are
not ASCII tell, and there are few different ones.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Literal

import ftfy
from ftfy.badness import BADNESS_RE, MOJIBAKE_CATEGORIES
from ftfy.chardata import CONTROL_CHARS, HTML_ENTITY_RE, LIGATURES, WIDTH_MAP

Kind = Literal["harmless", "suspect", "replaced"]
CONFIG = ftfy.TextFixerConfig(uncurl_quotes=False, normalization="NFC", explain=False)

# For bytes of UTF-8: what is not ASCII and what ftfy removes stays, the rest becomes spaces, between which the runs stand.
BELL = 7
RUNS = bytes(
    code if code > 127 else BELL if code in CONTROL_CHARS or code == ord("\r") else ord(" ") for code in range(256)
)
# What ftfy always replaces, and the newlines and surrogates that `normalise` does.
REPLACED = re.compile(
    "[\r\x80-\x9f\u2028\u2029\ud800-\udfff"
    + re.escape("".join(map(chr, sorted(CONTROL_CHARS.keys() | LIGATURES.keys() | WIDTH_MAP.keys()))))
    + "]"
)
# Characters that are bad in no company of their own: the common ones of the pattern (but Ђ is bad behind в), and all scripts
# that it has no character of.
HARMLESS = (
    "".join(MOJIBAKE_CATEGORIES[name] for name in ("common", "lower_common", "upper_common")).replace("Ё-Я", "ЁЃ-Я")
    + "\u0530-\u1fff\u2e80-\uf8fe"
)
SUSPECT = re.compile(f"[ŒœÂÃ]|[^\0-\x7f{HARMLESS}][^\0-\x7f]|[^\0-\x7f][^\0-\x7f{HARMLESS}]")


def is_clean(text: str) -> bool:
    """Whether the text is NFC, has no newline but \\n, and has nothing that ftfy could change. May be False though it is."""
    return _kinds(text) <= {"harmless"} and not ("&" in text and HTML_ENTITY_RE.search(text))


def repair(text: str) -> str:
    """`text` with wrongly decoded characters, entities, ligatures, wide forms and controls repaired, in NFC."""
    config = CONFIG
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if config.unescape_html and "<" in line:  # as ftfy: behind a tag entities are meant as such
            config = config._replace(unescape_html=False)
        if _may_change(line, entities=bool(config.unescape_html)):
            ended = ftfy.fix_text(f"{line}\n", config)
            lines[number] = ended.removesuffix("\n")
    return "\n".join(lines)


def _may_change(line: str, entities: bool) -> bool:
    if line.isascii() and line.isprintable() and "&" not in line:
        return False  # most lines
    if entities and "&" in line and HTML_ENTITY_RE.search(line):
        return True
    kinds = _kinds(line)
    return "replaced" in kinds or ("suspect" in kinds and BADNESS_RE.search(line) is not None)


def _kinds(text: str) -> set[Kind]:
    """What the runs of characters in the text that are not ASCII, and its control characters, can mean to ftfy."""
    # A third of the time of a regular expression.
    return {_kind(run) for run in set(text.encode(errors="surrogatepass").translate(RUNS).split())}


@lru_cache(maxsize=1 << 16)
def _kind(run: bytes) -> Kind:
    characters = run.decode(errors="surrogatepass")
    # Of a run that begins with a mark the first composes with what stands before it.
    composes = unicodedata.combining(characters[0]) or not unicodedata.is_normalized("NFC", characters)
    if composes or REPLACED.search(characters):
        return "replaced"
    return "suspect" if SUSPECT.search(characters) else "harmless"
