"""What each preset keeps of its kind of text, and which preset a source begins with."""

import base64
import random
import textwrap
from pathlib import Path

import pytest

from data.clean.clean import clean_text
from data.clean.config import CleanConfig, Rules
from data.clean.not_text import check, measures
from data.clean.presets import PRESETS, Preset, default_preset
from data.clean.resolve import resolved
from data.sources.config import SourceConfig

PARAGRAPHS = [
    "The parson had written to his brother that the harvest was poor, that the mill stood idle, and that he would not "
    "leave the village before the winter, whatever the doctor might say to it.",
    '"You will stay, then," said Anna; and she laid down her needle as if nothing more was to be done that evening, '
    "for the light had gone and the candles were dear.",
    "Nobody answered. The clock on the stairs struck nine, and far below them the river went over the weir with the "
    "noise that all of them had heard since they were born.",
]
BOOK = "\n\n".join(textwrap.fill(paragraph, 62) for paragraph in PARAGRAPHS)
CODE = '''import os


def listed(folder: str) -> dict[str, int]:
    """The sizes of the files in a folder."""
    found = {}
    for name in sorted(os.listdir(folder)):
        if name.startswith("."):
            continue
        found[name] = {"size": os.stat(name).st_size}["size"]
    return found  # version 8.8.4.4, by jane@example.com
'''
CHAT = "hey\n:)\nare u there??\nyes {brb}\nok ok ok ok ok\nlol\nok\nok\n"
CJK = "北京的冬天很冷,但是孩子们还是在外面玩雪。" * 3


def rules(preset: Preset) -> Rules:
    return resolved(CleanConfig(preset=preset), {"s": None})


@pytest.mark.parametrize(
    ("preset", "text"),
    [
        *((preset, BOOK) for preset in ("none", "books", "chat", "wiki")),
        *((preset, CHAT) for preset in ("none", "books", "chat", "code")),
        *((preset, CJK) for preset in ("none", "books", "chat")),
        ("none", CODE),
        ("books", "Ode.\n\n" + "O fly, sweet bird,\nO fly,\nO fly,\n\n" * 2 + PARAGRAPHS[0]),
        (
            "wiki",
            "\n".join(["Rivers of the county, by length: {{x}}"] + [f"- The {name}, 12 km" for name in "ABCDEFGH"]),
        ),
    ],
)
def test_a_preset_keeps_its_kind_of_text_as_it_is(preset: Preset, text: str) -> None:
    cleaned = clean_text(text, rules(preset))
    assert (cleaned.rejection, cleaned.text) == (None, text)


def test_code_keeps_all_but_addresses_and_secrets() -> None:
    assert clean_text(CODE, rules("code")).text == CODE.replace("jane@example.com", "<EMAIL>")
    assert clean_text(CODE, rules("web")).rejection is not None


def test_a_book_in_broken_lines_falls_to_the_rules_of_the_web_and_not_to_its_own() -> None:
    lines = clean_text(BOOK, CleanConfig(chain=["fineweb"], fineweb={"max_newlines_per_word": 0.05}))
    assert lines.rejection and lines.rejection.rule == "fineweb.newlines"
    paragraphs = CleanConfig(chain=["fineweb"], lines="paragraphs", fineweb={"max_newlines_per_word": 0.05})
    assert clean_text(BOOK, paragraphs).rejection is None
    assert clean_text(BOOK, paragraphs).text == BOOK


def test_books_lose_what_repeats_and_tables() -> None:
    repeats = clean_text("\n\n".join([PARAGRAPHS[0]] * 5), rules("books")).rejection
    assert repeats and repeats.rule == "gopher_repetition.duplicate_paragraphs"
    table = clean_text("Table\n\n" + "12 4.5 | 88 -- 19\n" * 9, rules("books")).rejection
    assert table and table.rule == "gopher_quality.alphabetic_words"


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("decoded", ["latin-1", "utf-8", "base64"])
def test_no_preset_keeps_what_cannot_be_text(preset: Preset, decoded: str) -> None:
    noise = random.Random(1).randbytes(3000)
    text = base64.encodebytes(noise).decode() if decoded == "base64" else noise.decode(decoded, "replace")
    rejection = clean_text(text, rules(preset)).rejection
    assert rejection and rejection.rule.startswith("not_text."), rejection


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("control_characters", "a line\x00\x01\x02 of something"),
        ("lost_characters", "caf\ufffd\ufffd\ufffd\ufffd au lait"),
        ("unassigned_characters", "icons \ue000\ue001\ue002\U000f0000 of a font"),
        ("capitals_within", "xYzAbCdEfGhIjKlMnOpQ" * 20),
    ],
)
def test_each_rule_on_what_is_no_text(rule: str, text: str) -> None:
    config = rules("none").not_text
    assert config is not None
    found = check(text, config)
    assert found and found.rule == f"not_text.{rule}"
    assert check(text, config.model_copy(update={f"max_{rule}": None})) is None


def test_white_space_is_no_control_character_and_a_name_no_noise() -> None:
    assert measures("\ta\r\n\f\v\x85")["control_characters"] == 0
    assert "capitals_within" not in measures("iPhone eBay LaTeX")
    assert measures("") == {}


@pytest.mark.parametrize(
    ("source", "preset"),
    [
        ({"path": "pages/*.html"}, "web"),
        ({"path": "crawl-*.warc.gz"}, "web"),
        ({"path": "x.jsonl", "html": True}, "web"),
        ({"path": ["a.epub", "b.epub"]}, "books"),
        ({"path": "enwiki-pages-articles.xml.bz2"}, "wiki"),
        ({"path": "src/**/*.py", "format": "text"}, "code"),
        ({"path": ["a.c.gz", "b.h"], "format": "text"}, "code"),
        ({"path": ["a.c", "b.txt"], "format": "text"}, "none"),
        ({"path": "notes/**/*.txt"}, "none"),
        ({"path": "notes.jsonl.gz"}, "none"),
        ({"path": "corpus"}, "none"),
        ({"path": ["a.html", "b.txt"]}, "none"),
        ({"path": "corpus", "format": "html"}, "web"),
    ],
)
def test_a_source_begins_with_the_preset_of_its_formats_and_suffixes(source: dict[str, object], preset: Preset) -> None:
    assert default_preset(SourceConfig(name="s", **source)) == preset


def test_presets_are_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "presets.md").read_text()
    assert all(f"| `{preset}` |" in page for preset in PRESETS)
