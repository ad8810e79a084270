"""ftfy (https://ftfy.readthedocs.io), asked only about lines that it could change: it reads two or three MB/s.

It is asked to repair, not to enforce a form: full-width punctuation, half-width kana, ligatures and the ideographic space are how
their authors wrote, and `&amp;` in a text is `&amp;`, because whatever had entities has decoded them before.

ftfy then changes a line for a character that it always replaces, for a form other than NFC, or for what matches its pattern of
bad sequences (`ftfy.badness`). Each match of that is in one run of characters that are not ASCII, with some ASCII around it. So
runs tell, and there are few different ones.
"""

import re
import unicodedata
from typing import Literal

import ftfy
import stringzilla
from ftfy.badness import BADNESS_RE, MOJIBAKE_CATEGORIES
from ftfy.chardata import CONTROL_CHARS

from data.text.nfc import nfc, with_sorted_marks

# A run is harmless, or only not in its usual form, or perhaps wrongly decoded, or has a character that is removed.
Kind = Literal["harmless", "form", "suspect", "control"]

CONFIG = ftfy.TextFixerConfig(
    unescape_html=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    normalization="NFC",
    explain=False,
)
# What may be combining marks that were wrongly decoded: ftfy, too, sorts them in the square of their number, so it gets
# fewer at a time.
MARKS = re.compile("[^\0-\x7f]{1000}")
CONFIG_OF_MARKS = CONFIG._replace(max_decode_length=20_000)
ASCII_CONTROLS = bytes([*(code for code in CONTROL_CHARS if code < 128), ord("\r")])  # ftfy removes or replaces these
# For bytes of UTF-8: what is not ASCII stays, a control is a bell, the rest are spaces, between which the runs stand.
BELL = 7
RUNS = bytes(code if code > 127 else BELL if code in ASCII_CONTROLS else ord(" ") for code in range(256))
# The characters that ftfy removes or replaces, and the newlines that `normalise` replaces.
CONTROL = re.compile(f"[\r\x80-\x9f\u2028\u2029{re.escape(''.join(map(chr, sorted(CONTROL_CHARS))))}]")
# A test that is quick beside the pattern: what is bad has a control character, or one of a few that are bad alone, or two
# characters of those that the pattern knows beside each other, at least one of them none of its common ones (but Ђ is bad
# after в, which is common, too). The test does not apply to ASCII, nor to these scripts.
UNKNOWN = "\0-\x7f\u0530-\u1fff\u2e80-\uf8fe\uff00-\uffef"
COMMON = "".join(MOJIBAKE_CATEGORIES[name] for name in ("common", "lower_common", "upper_common")).replace(
    "Ё-Я", "ЁЃ-Я"
)
SUSPECT = re.compile(f"[ŒœÂÃ]|[^{UNKNOWN}{COMMON}][^{UNKNOWN}]|[^{UNKNOWN}][^{UNKNOWN}{COMMON}]")
# Characters of Chinese, Japanese and Korean, their full-width punctuation included, that nothing is done to, whatever they
# stand beside: they make long runs.
EAST_ASIAN = re.compile(
    "[\u3000-\u3002\u300c-\u300f\u3041-\u3096\u30a1-\u30fc\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff65]++"
)
# Of each kind of ASCII that the pattern asks for around a run.
BEFORE = ("", "a", "Z", "a ", " ", ".")
BEHIND = ("", "aa", " ", ".a")
MOST_RUNS, LONG_RUN = 1 << 16, 512  # So many runs are remembered, none of more bytes than LONG_RUN.
LONG_EAST_ASIAN = 64  # A longer East Asian run is not remembered either: it does not repeat, and is judged at once.
_known: dict[bytes, Kind] = {}  # the kinds of runs that were seen
_harmless: set[bytes] = set()  # most runs are harmless, and a set is faster to ask


def kinds_of(content: bytes) -> set[Kind]:
    """The kinds, other than harmless, of the characters of a UTF-8 text that are not ASCII or that are removed."""
    apart = stringzilla.translate(content, RUNS)  # takes a tenth of the time of `bytes.translate`
    if content.isascii():
        return {"control"} if BELL in apart else set()
    runs = apart.split()
    return set() if _harmless.issuperset(runs) else {*map(_kind_of, set(runs).difference(_harmless))} - {"harmless"}


def repair(text: str) -> str:
    """`text` with wrongly decoded characters and controls repaired, in NFC."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        end = "\n" if number < len(lines) - 1 else ""
        plain = line.isascii() and line.isprintable()  # most lines are plain
        lines[number] = line + end if plain else _repaired(line + end)
    return "".join(lines)


def _repaired(line: str) -> str:
    kinds = kinds_of(line.encode())
    if not kinds:
        return line
    if not ("control" in kinds or ("suspect" in kinds and BADNESS_RE.search(line))):
        other = nfc(line)
        if other == line or _repaired(other) == other:  # ftfy also goes on until nothing changes
            return other
    return ftfy.fix_text(with_sorted_marks(line), CONFIG_OF_MARKS if MARKS.search(line) else CONFIG)


def _kind_of(run: bytes) -> Kind:
    known = _known.get(run)
    if known is not None:
        return known
    text = run.decode()
    east_asian = EAST_ASIAN.fullmatch(text) is not None
    kind: Kind = "harmless" if east_asian else _find_kind(text)
    if len(run) <= (LONG_EAST_ASIAN if east_asian else LONG_RUN):
        if len(_known) >= MOST_RUNS:
            _known.clear()
            _harmless.clear()
        _known[run] = kind
        if kind == "harmless":
            _harmless.add(run)
    return kind


def _find_kind(run: str) -> Kind:
    if CONTROL.search(run):
        return "control"
    # When a run begins with a mark, that mark composes with the character before it.
    usual = not unicodedata.combining(run[0]) and unicodedata.is_normalized("NFC", run)
    if SUSPECT.search(run) and not (usual and _is_never_bad(run)):
        return "suspect"
    return "harmless" if usual else "form"


def _is_never_bad(run: str) -> bool:
    return not any(BADNESS_RE.search(before + run + behind) for before in BEFORE for behind in BEHIND)
