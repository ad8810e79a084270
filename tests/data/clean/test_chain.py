"""The chain as the recipe gives it: which steps, in which order, and what they see."""

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from data.clean.chain import ChainInputs, Draft, make_chain, run_chain
from data.clean.clean import clean_text
from data.clean.config import CleanConfig

LINES = [
    "The committee met in the spring of that year to look at the state of the roads and bridges of the county.",
    "Its members went from town to town, and they spoke with farmers who have used the old road since they were young.",
    "Most of them said that the bridge over the river had to be repaired before the winter, or it would be lost.",
    "The engineer was asked what such a repair would cost, and he answered that it could be done for a small sum.",
    "In the end a report was written, and it was read to the council by the oldest member on the first of June.",
]
PROSE = "\n".join(LINES)


def rule_of(text: str, chain: list[str], **fields: Any) -> str | None:
    rejection = clean_text(text, CleanConfig(chain=chain, **fields)).rejection
    return rejection.rule if rejection else None


def test_the_chain_runs_in_the_order_that_is_given() -> None:
    text = "the road and the road lorem ipsum\n" * 4  # broken for repetition, quality, C4 and FineWeb alike
    for order in (["c4", "gopher_quality"], ["gopher_quality", "c4"], ["fineweb", "c4"]):
        assert rule_of(text, order).startswith(f"{order[0]}.")
    assert rule_of(text, []) is None


def test_a_rule_stands_alone_in_the_chain_without_the_rest_of_its_family() -> None:
    short = "# # # #"  # breaks nearly every rule of Gopher's quality
    assert rule_of(short, ["gopher_quality.hashes"]) == "gopher_quality.hashes"
    assert rule_of(short, ["gopher_quality.stop_words", "gopher_quality.hashes"]) == "gopher_quality.stop_words"
    assert rule_of(short, ["gopher_quality.mean_word_length"]) is None
    assert rule_of(short, ["gopher_quality.hashes"], gopher_quality={"max_hashes_per_word": None}) is None


def test_a_rule_of_c4_stands_alone() -> None:
    text = PROSE + "\nlorem ipsum { stands here\ntoo short\nThis[1] needs javascript to be seen."
    assert rule_of(text, ["c4.curly_bracket"]) == "c4.curly_bracket"
    assert clean_text(text, CleanConfig(chain=["c4.sentences"])).text == text
    cut = clean_text(text, CleanConfig(chain=["c4.citations", "c4.javascript"]))
    assert cut.text == PROSE + "\nlorem ipsum { stands here\ntoo short"
    assert cut.lines_dropped == {"c4.javascript": 1}
    assert "This needs" in clean_text(text, CleanConfig(chain=["c4.citations"])).text


def test_a_rule_of_c4_that_changes_nothing_leaves_the_lines_as_they_are() -> None:
    code = "def f(x):\n    if x:\n        return 1\n\n    return 2"
    for rule in ("curly_bracket", "javascript", "policy", "lorem_ipsum", "word_length"):
        assert clean_text(code, CleanConfig(chain=[f"c4.{rule}"])).text == code
    cut = clean_text(code + "\n    javascript(x)", CleanConfig(chain=["c4.javascript"]))
    assert cut.text == "def f(x):\nif x:\nreturn 1\n\nreturn 2"


def test_empty_lines_count_as_none_that_c4_drops() -> None:
    paragraphs = PROSE.replace("\n", "\n\n")
    assert clean_text(f"{paragraphs}\n\n", CleanConfig(chain=["c4"])).lines_dropped == {}
    assert clean_text(f"{paragraphs}\n\ntoo short\n", CleanConfig(chain=["c4"])).lines_dropped == {
        "c4.words_per_line": 1
    }


def test_a_rule_may_stand_twice_and_sees_the_text_as_it_is_then() -> None:
    text = "\n".join([PROSE, *["too short"] * 3])
    chain = ["fineweb.duplicate_line_characters", "c4", "fineweb"]
    assert rule_of(text, chain) == "fineweb.duplicate_line_characters"
    assert rule_of(text, chain[1:]) is None


def test_words_are_cut_again_from_what_a_step_has_left() -> None:
    text = "\n".join(["one", "two", "three", "javascript " * 100])
    chain = ["gopher_quality.hashes", "c4.javascript", "fineweb.newlines"]
    assert rule_of(text, chain[::2]) is None
    assert clean_text(text, CleanConfig(chain=chain)).rejection == ("fineweb.newlines", "0.6667 > 0.3")


def test_what_is_left_empty_is_turned_away_there() -> None:
    draft = clean_text("too short\nnor this", CleanConfig(chain=["c4"], c4={"min_sentences": None}))
    assert draft.rejection == ("empty", "nothing left after c4")


def test_a_section_that_is_null_does_not_run() -> None:
    assert rule_of("lorem ipsum is here", ["c4", "gopher_quality"], c4=None) == "gopher_quality.word_count"


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("gopher", "there is nothing called gopher; known are block_lists, language"),
        ("gopher_quality.words", "there is nothing called gopher_quality.words; known are word_count, mean"),
        ("language.threshold", "there is nothing called language.threshold"),
        ("c4.", "there is nothing called c4.; known are word_length"),
    ],
)
def test_a_misspelt_entry_is_refused(entry: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CleanConfig(chain=["c4", entry])


def test_block_lists_come_first_and_mixed_paragraphs_are_cut(tmp_path: Path) -> None:
    (tmp_path / "domains.txt").write_text("ads.example\n")
    (tmp_path / "words.txt").write_text("oldest member\n")
    config = CleanConfig(
        block_lists={"domains": ["domains.txt"], "words": ["words.txt"]}, language={"unit": "paragraph"}, pii=None
    )
    german = "Der Ausschuss trat im Frühjahr zusammen, um den Zustand der Straßen und Brücken zu prüfen. " * 4
    chain = make_chain(config, ChainInputs(tmp_path))

    def run(text: str, uri: str) -> Draft:
        draft = Draft({"text": text, "uri": uri})
        run_chain(draft, chain)
        return draft

    assert run(PROSE, "https://x.ads.example/1").rejection == ("block_lists.blocked_domain", "ads.example")
    assert run(PROSE, "https://x.example/1").rejection.rule == "block_lists.blocked_words"
    text = PROSE.replace("oldest", "eldest")
    mixed = run(f"{text}\n\n{german}", "https://x.example/1")
    assert (mixed.rejection, mixed.text, mixed.language) == (None, text, "en")
    assert mixed.lines_dropped == {"language.paragraph": 1}


def test_boilerplate_is_cut_before_the_families(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    from data.clean.boilerplate import count_lines, repeated_lines
    from data.documents import SCHEMA
    from data.tables import write_table

    menu = "Home About the county Contact Imprint"
    rows = [
        {"id": f"{n}", "text": f"{menu}\n{PROSE} {n}\n{menu}", "source": "s", "uri": "", "license": "", "meta": "{}"}
        for n in range(25)
    ]
    write_table(tmp_path / "documents.parquet", rows, SCHEMA)
    config = CleanConfig(boilerplate={}, language=None)
    count_lines(tmp_path, tmp_path / "documents.parquet", config, 1)
    repeated_lines(tmp_path, [tmp_path / "counts.parquet"], 0, config)
    assert len(pq.read_table(tmp_path / "repeated.parquet"))
    draft = Draft(rows[0])
    run_chain(draft, make_chain(config, ChainInputs(repeated=[tmp_path / "repeated.parquet"])))
    assert menu not in draft.text
    assert draft.lines_dropped["boilerplate"] >= 2


def test_a_chain_can_be_sent_to_a_worker_and_back_through_json() -> None:
    config = CleanConfig(chain=["gopher_quality.word_count", "c4"], gopher_quality={"min_stop_words": None})
    assert CleanConfig.model_validate(json.loads(config.model_dump_json())) == config


THAI = "ท่าเรือเก่าอยู่สุดถนนแคบ และชาวบ้านยืนดูจากกำแพง\n" * 3
THAI_RULES = {"gopher_quality": {"min_words": None, "stop_words": ["และ", "จาก"]}, "fineweb": None}


def test_limits_may_be_those_of_a_language() -> None:
    chain = ["language", "gopher_quality", "fineweb"]
    assert rule_of(THAI, chain, language={"allowed": []}) == "gopher_quality.word_count"
    language = {"allowed": [], "rules": {"th": THAI_RULES}}
    assert rule_of(THAI, chain, language=language) is None
    assert rule_of(THAI, chain, language=language, gopher_quality=None) is None
    assert rule_of(THAI, chain[1:], language=language) == "gopher_quality.word_count"  # nothing names the language
    assert rule_of(PROSE[:100], chain, language=language) == "gopher_quality.word_count"
    only = {"allowed": [], "rules": {"th": {"gopher_quality": {"min_words": 100}}}}
    assert rule_of(THAI, chain, language=only, gopher_quality=None, fineweb=None) == "gopher_quality.word_count"
    assert rule_of(PROSE[:100], chain, language=only, gopher_quality=None, fineweb=None) is None


@pytest.mark.parametrize(
    "rules", [{"th": {"gopher": {}}}, {"th": {"fineweb": {"min_words": 3}}}, {"th": {"c4": {"min_sentences": -1}}}]
)
def test_limits_of_a_language_are_checked(rules: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"gopher|min_words|min_sentences"):
        CleanConfig(language={"rules": rules})
