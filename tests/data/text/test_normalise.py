"""Normalisation: what is repaired, and that doing it twice is doing it once."""

import unicodedata

import ftfy
import pytest
from ftfy.badness import MOJIBAKE_CATEGORIES
from hypothesis import example, given, settings
from hypothesis import strategies as st

from data.text import mojibake
from data.text.normalise import NEWLINES, normalise

# Pieces that ftfy acts on or would: mojibake, entities, controls, ligatures, all sorts of newlines, half-width forms.
AWKWARD = [
    "â€œ",
    "Ã©",
    "&amp;",
    "&lt;",
    "&amp;amp;",
    "\r\n",
    "\r",
    "\x85",
    "\u2028",
    "\x1b[31m",
    "\x00",
    "ﬁ",
    "ｱ",
    "e\u0301",
]
TEXTS = st.lists(st.one_of(st.sampled_from(AWKWARD), st.text(max_size=8)), max_size=8).map("".join)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("a\r\nb\rc\u2028d\x85e", "a\nb\nc\nd\ne"),
        ("  \n\t a b \n", "a b"),
        ("cafe\u0301", "caf\u00e9"),
        ("Itâ€™s a naÃ¯ve plan", "It’s a naïve plan"),
        ("“curly” quotes’ stay", "“curly” quotes’ stay"),
        ("bell\x07 and \x1b[31mred\x1b[0m", "bell and red"),
        ("lone \ud800 surrogate", "lone \ufffd surrogate"),
        ("", ""),
    ],
)
def test_examples(raw: str, clean: str) -> None:
    assert normalise(raw) == clean


@pytest.mark.parametrize(
    "sound",
    [
        "你好，世界！（真的？）：好；是。",
        "東京は、「大きい」都市です！（本当？）",
        "他说：“好，我去。”价格是１０，０００元（含税）。",
        "ﾊﾝｶｸのカナ",
        "１００％、￥５００～￥９００　（税込）",
        "안녕하세요！",
        "The ﬁrst oﬀer, the ﬅ of an old print, ǆ and ĳ",
        "In XML you write &amp; for an ampersand and &quot; inside attributes.",
        "&lt;b&gt; &nbsp; &amp;amp; &eacute; &#8212;",
        "AT&T; R&amp;D",
        "№ 5 ½ m² x² Ⅳ ℃ …",
        "Cœur, Œuvre, À la fête, “ça va?”, Ça, Ñandú, ŠĐ, Größe",
    ],
)
def test_sound_text_stays_as_its_author_wrote_it(sound: str) -> None:
    """Beside broken text, too."""
    assert normalise(sound) == sound
    assert normalise(f"{sound}\nItâ€™s naÃ¯ve\n{sound} bell\x07") == f"{sound}\nIt’s naïve\n{sound} bell"


def test_nfc_alone_repairs_nothing_but_form_and_newlines() -> None:
    assert normalise("naÃ¯ve &amp; cafe\u0301\r\n", "nfc") == "naÃ¯ve &amp; caf\u00e9"


@settings(deadline=None)
@given(TEXTS)
def test_normalisation_is_idempotent(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once


@settings(deadline=None)
@given(TEXTS)
def test_what_comes_out_is_nfc_and_can_be_encoded(text: str) -> None:
    for method in ("ftfy", "nfc"):
        clean = normalise(text, method)
        assert unicodedata.is_normalized("NFC", clean)
        assert "\r" not in clean
        clean.encode()


@given(st.text(alphabet=st.characters(max_codepoint=127), max_size=60))
def test_the_short_cut_for_ascii_gives_what_ftfy_gives(text: str) -> None:
    assert normalise(text) == ftfy.fix_text(text, mojibake.CONFIG).strip()


@pytest.mark.parametrize("bad", ["xÃ©te", "xâ€™te"])
def test_long_lines_are_repaired_wherever_it_is(bad: str) -> None:
    for place in range(19_990, 20_001):
        assert normalise("é " * (place // 2) + bad) == "é " * (place // 2) + normalise(bad)


def test_long_runs_are_not_remembered() -> None:
    """Texts in Chinese and Thai are made of them, and they do not come again."""
    before = len(mojibake._known)
    for long in ("汉字" * 1000, "汉字" * 20, "ภาษา" * 1000):
        assert normalise(f"{long} 漢字") == f"{long} 漢字"
    assert len(mojibake._known) <= before + 1 and max(map(len, mojibake._known)) <= mojibake.LONG_RUN
    assert normalise("─" * 80 + " \x07") == "─" * 80 and ("─" * 80).encode() in mojibake._known, "a ruler comes again"


# Every kind of character that ftfy's pattern of bad sequences knows, what stands around them, and what it does not know.
KINDS = [
    *(f"[{characters}]" for characters in MOJIBAKE_CATEGORIES.values()),
    "[ŒœÂÃÎÐØÙàáâãóвЂВГРСβΒΓΞΟā×√≈‚Äаўґ°€]",
    "[a-zA-Z .,?!\\n]",
    "<b>|&lt;|&eacute;|&amp;lt;|\\r|\\x07|\\x1b\\[1m",
    "[漢字かな한עברيहिＡ\u3000\ufeffﬁǆ\u0301\u212b]",
]
SUSPICIOUS = st.lists(st.one_of([st.from_regex(kind, fullmatch=True) for kind in KINDS]), max_size=12).map("".join)


@settings(max_examples=1500, deadline=None)
@given(SUSPICIOUS)
@example("x\nà y")
@example("Ò\x80À")
@example("Ò\x80À\nÒ\x80À")
@example("вЂ ГўВЂВ. ")
@example("a Ã\u0303 ")
def test_ftfy_is_passed_over_only_where_it_changes_nothing(text: str) -> None:
    repaired = ftfy.fix_text(NEWLINES.sub("\n", text), mojibake.CONFIG)
    assert normalise(text) == unicodedata.normalize("NFC", NEWLINES.sub("\n", repaired)).strip()


def test_the_short_cut_for_east_asian_scripts_is_for_what_stays_as_it_is() -> None:
    characters = [chr(code) for code in range(0x3000, 0xFFF0) if mojibake.EAST_ASIAN.fullmatch(chr(code))]
    assert len(characters) > 30_000
    assert not any(map(unicodedata.combining, characters))
    text = "".join(f"{character}{characters[-place]}a{character} " for place, character in enumerate(characters))
    assert unicodedata.is_normalized("NFC", text)
    assert ftfy.fix_text(text, mojibake.CONFIG) == text
