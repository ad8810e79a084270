"""From presets and what a recipe changes in them to the rules of each source."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.clean.config import CleanConfig, Rules, SourceRules
from data.clean.presets import PRESETS, Preset
from data.clean.resolve import resolved, told

DEFAULTS: dict[str, Preset | None] = {"pages": "web", "notes": "none"}


def rules_of(source: str, **fields: Any) -> Rules:
    rules = resolved(CleanConfig.model_validate(fields), DEFAULTS).rules_of(source)
    return Rules.model_validate(rules.model_dump(exclude={"preset", "sources"}))


def test_sources_begin_with_their_own_presets() -> None:
    assert rules_of("pages").fineweb is not None
    assert rules_of("notes").fineweb is None
    assert rules_of("notes", preset="web") == rules_of("pages")


def test_what_is_written_is_laid_over_the_preset_field_by_field() -> None:
    changed = rules_of("pages", pii={"phone": None}, c4=None)
    assert changed.c4 is None
    assert changed.pii and (changed.pii.phone, changed.pii.email) == (None, "<EMAIL>")
    books = rules_of("notes", preset="books", gopher_quality={"min_words": 9}).gopher_quality
    assert books and (books.min_words, books.max_words, books.min_alphabetic_words) == (9, None, 0.5)


def test_an_entry_follows_the_section_unless_it_has_a_preset() -> None:
    section = {"pii": {"phone": None}, "language": {"allowed": ["de"]}}
    follows = rules_of("notes", **section, sources={"notes": {"language": {"allowed": ["nl"]}}})
    assert follows.pii and follows.pii.phone is None
    assert follows.language and follows.language.allowed == ("nl",)
    alone = rules_of("notes", **section, sources={"notes": {"preset": "chat"}})
    assert alone == rules_of("notes", preset="chat")


def test_equal_rules_stand_in_the_section_itself() -> None:
    alike = resolved(CleanConfig(preset="web"), DEFAULTS)
    assert (alike.sources, alike.preset) == ({}, None)
    differ = resolved(CleanConfig(), DEFAULTS)
    assert set(differ.sources) == set(DEFAULTS)
    assert all(rules.model_fields_set == set(Rules.model_fields) for rules in differ.sources.values())


def test_without_a_preset_the_rules_are_those_from_before_there_were_any() -> None:
    old = resolved(CleanConfig(c4={}), dict.fromkeys(DEFAULTS))
    assert old == CleanConfig.model_validate(CleanConfig().model_dump())
    assert old.not_text is None


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            {"pii": None, "sources": {"pages": {"preset": "web"}, "notes": {"preset": "none"}}},
            "pii: it holds for no source",
        ),
        (
            {"preset": "web", "sources": {"pages": {"preset": "web"}, "notes": {"preset": "none"}}},
            "preset: it holds for no",
        ),
        ({**CleanConfig().model_dump(exclude={"sources"}), "preset": "books"}, "preset: books chooses nothing"),
        (
            {"sources": {"pages": {**Rules().model_dump(), "preset": "books"}}},
            "sources.pages.preset: books chooses nothing",
        ),
    ],
)
def test_what_would_do_nothing_is_refused(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        resolved(CleanConfig.model_validate(fields), DEFAULTS)


PRESET = st.sampled_from([None, *PRESETS])
SECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "lines": st.sampled_from(["as_written", "paragraphs"]),
        "not_text": st.sampled_from([None, {}, {"max_lost_characters": 0.3}]),
        "chain": st.sampled_from([["language"], ["gopher_quality.word_count", "c4"]]),
        "language": st.sampled_from([None, {}, {"allowed": ["de", "fr"]}]),
        "gopher_quality": st.sampled_from([None, {}, {"min_words": 3}]),
        "c4": st.sampled_from([None, {}, {"min_sentences": 2}]),
        "pii": st.sampled_from([None, {}, {"phone": None}]),
    },
)


@given(SECTIONS, PRESET, st.dictionaries(st.sampled_from(list(DEFAULTS)), st.tuples(PRESET, SECTIONS)))
def test_resolved_twice_is_resolved_once(
    section: dict[str, Any], preset: Preset | None, entries: dict[str, tuple[Preset | None, dict[str, Any]]]
) -> None:
    sources = {name: SourceRules.model_validate({"preset": own, **fields}) for name, (own, fields) in entries.items()}
    try:
        once = resolved(CleanConfig.model_validate({**section, "preset": preset, "sources": sources}), DEFAULTS)
    except ValueError:
        return
    read = CleanConfig.model_validate(json.loads(once.model_dump_json()))
    assert resolved(read, DEFAULTS) == once == read


def test_rules_are_told_by_the_nearest_preset() -> None:
    assert told(rules_of("pages"), "web") == "web, by its format"
    assert told(rules_of("notes", preset="chat"), "none") == "chat"
    assert told(rules_of("pages", c4=None, pii=None), "web") == "web but for pii, c4"
