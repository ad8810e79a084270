"""ftfy (https://ftfy.readthedocs.io), asked only about lines that it could change: it reads two or three MB/s.

ftfy changes a line for a character that it always replaces, for an HTML entity, for a form other than NFC, or for what matches
its pattern of bad sequences (`ftfy.badness`). Each match of that is in one run of characters that are not ASCII, with some ASCII
around it. So runs tell, and there are few different ones.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Literal

import ftfy
from ftfy.badness import BADNESS_RE, MOJIBAKE_CATEGORIES
from ftfy.chardata import CONTROL_CHARS, HTML_ENTITY_RE, LIGATURES, WIDTH_MAP

# harmless: left as it is. form: another form of the same characters. suspect: may be bad, by what stands around it.
# control: removed or replaced.
Kind = Literal["harmless", "form", "suspect", "control"]

CONFIG = ftfy.TextFixerConfig(uncurl_quotes=False, normalization="NFC", explain=False)
# For bytes of UTF-8: what is not ASCII and what ftfy removes stays, the rest becomes spaces, between which the runs stand.
BELL = 7
RUNS = bytes(
    code if code > 127 else BELL if code in CONTROL_CHARS or code == ord("\r") else ord(" ") for code in range(256)
)
FORMS = LIGATURES | WIDTH_MAP
FORM = re.compile(f"[{re.escape(''.join(map(chr, sorted(FORMS))))}]")
# What ftfy removes or replaces, and the newlines that `normalise` does.
CONTROL = re.compile(f"[\r\x80-\x9f\u2028\u2029{re.escape(''.join(map(chr, sorted(CONTROL_CHARS))))}]")
# A test that is quick beside the pattern: what is bad has a control character, or one of a few that are bad alone, or two
# characters beside each other that are not ASCII, at least one of them none of these: the common letters of the pattern
# (but Ђ is bad behind в), and scripts that it has no character of.
COMMON = (
    "".join(MOJIBAKE_CATEGORIES[name] for name in ("common", "lower_common", "upper_common")).replace("Ё-Я", "ЁЃ-Я")
    + "\u0530-\u1fff\u2e80-\uf8fe\uff00-\uffef"
)
SUSPECT = re.compile(f"[ŒœÂÃ]|[^\0-\x7f{COMMON}][^\0-\x7f]|[^\0-\x7f][^\0-\x7f{COMMON}]")
# Of each kind of ASCII that the pattern asks for around a run.
BEFORE = ("", "a", "Z", "a ", " ", ".")
BEHIND = ("", "aa", " ", ".a")


def is_clean(text: str, content: bytes) -> bool:
    """Whether the text, which is `content` in UTF-8, is NFC with no newline but \\n, and has nothing that ftfy could change.

    May be False though it is.
    """
    return _kinds(content) <= {"harmless"} and not ("&" in text and HTML_ENTITY_RE.search(text))


def repair(text: str) -> str:
    """`text` with wrongly decoded characters, entities, ligatures, wide forms and controls repaired, in NFC."""
    entities = True
    lines = text.split("\n")
    for number, line in enumerate(lines):
        entities = entities and "<" not in line  # as ftfy: behind a tag they are meant as such
        if not (line.isascii() and line.isprintable() and "&" not in line):  # most lines are
            lines[number] = _repaired(line, entities)
    return "\n".join(lines)


def _repaired(line: str, entities: bool) -> str:
    kinds = _kinds(line.encode())
    has_entity = entities and "&" in line and HTML_ENTITY_RE.search(line) is not None
    if kinds <= {"harmless"} and not has_entity:
        return line
    if not (has_entity or "control" in kinds or _is_bad(line)):
        other = _in_usual_form(line) if "form" in kinds else line
        if other == line or _repaired(other, entities) == other:  # ftfy, too, goes on until nothing changes
            return other
    config = CONFIG if entities else CONFIG._replace(unescape_html=False)
    return ftfy.fix_text(f"{line}\n", config).removesuffix("\n")


def _in_usual_form(line: str) -> str:
    return unicodedata.normalize("NFC", FORM.sub(lambda match: FORMS[ord(match[0])], line))


def _is_bad(line: str) -> bool:
    return SUSPECT.search(line) is not None and BADNESS_RE.search(line) is not None


def _kinds(content: bytes) -> set[Kind]:
    """The kinds of the runs in UTF-8 of characters that are not ASCII or that ftfy removes."""
    return {_kind(run) for run in set(content.translate(RUNS).split())}  # a third of the time of a regular expression


@lru_cache(maxsize=1 << 16)
def _kind(run: bytes) -> Kind:
    characters = run.decode()
    if CONTROL.search(characters):
        return "control"
    # Of a run that begins with a mark the first composes with what stands before it.
    if (
        FORM.search(characters)
        or unicodedata.combining(characters[0])
        or not unicodedata.is_normalized("NFC", characters)
    ):
        return "form"
    if SUSPECT.search(characters) and any(BADNESS_RE.search(a + characters + b) for a in BEFORE for b in BEHIND):
        return "suspect"
    return "harmless"
