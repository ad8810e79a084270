"""Each family decides from its measures, taken all and exactly, as it does when it stops at the first broken rule."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.clean.filters import fineweb, gopher_quality, gopher_repetition
from data.clean.filters.families import FAMILIES
from data.clean.filters.rejection import first_broken, limits_of
from data.text.word_arrays import words_of

CONFIGS = {
    gopher_repetition: gopher_repetition.GopherRepetitionConfig,
    gopher_quality: gopher_quality.GopherQualityConfig,
    fineweb: fineweb.FineWebConfig,
}
WORDS = st.sampled_from(
    ["the", "of", "road", "bridge", "a", "-", "•", "#", "1234", "so...", "on…", "x" * 40, "end.", "why?"]
)
TEXTS = st.lists(st.tuples(WORDS, st.sampled_from([" ", " ", " ", "\n", "\n\n"])), min_size=1, max_size=150)


@pytest.mark.parametrize("family", CONFIGS, ids=lambda family: family.__name__)
@given(pairs=TEXTS, times=st.integers(1, 3), data=st.data())
@settings(max_examples=150, deadline=None)
def test_the_decision_from_measures_is_that_of_check(family: Any, pairs: Any, times: int, data: st.DataObject) -> None:
    text = "".join(word + space for word, space in pairs) * times
    words = words_of(text)
    exact = dict(family.measures(text, words, CONFIGS[family]()))
    # Limits near what was measured, so that every rule is now broken and now kept; some rules off.
    fields = {
        name: data.draw(st.sampled_from([None, value, value * 0.99, value * 1.01]))
        for rule, value in exact.items()
        for name in family.RULES[rule]
        if name
        and not name.startswith(("min_alphabetic", "max_bullet", "max_ellipsis_lines", "min_end_mark", "max_short"))
        and not name.endswith(("_words", "max_mean_word_length"))
    }
    config = CONFIGS[family](**fields)
    limits = limits_of(family.RULES, config)
    assert family.check(text, words, config) == first_broken(exact.items(), limits)


@pytest.mark.parametrize("family", CONFIGS, ids=lambda family: family.__name__)
def test_measures_come_in_the_order_of_the_rules(family: Any) -> None:
    text = "the road and the bridge were of old the pride of this town and they have to be kept"
    names = [rule for rule, _ in family.measures(text, words_of(text), CONFIGS[family]())]
    assert names == [*family.RULES]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_limit_of_a_family_belongs_to_a_rule_and_can_be_null(name: str) -> None:
    family = FAMILIES[name]
    fields = {field for rule in family.rules.values() for field in rule if field}
    config = family.config
    assert fields == config.model_fields.keys() - set(family.deciding)
    switches = {field for field in fields if config.model_fields[field].annotation is bool}
    config(**dict.fromkeys(fields - switches), **dict.fromkeys(switches, False))


def test_a_rule_without_limits_is_off() -> None:
    config = gopher_quality.GopherQualityConfig(min_words=None, max_words=None, max_mean_word_length=None)
    limits = limits_of(gopher_quality.RULES, config)
    assert "word_count" not in limits
    assert limits["mean_word_length"] == (3, None)
