import time

import pytest

from data.clean.filters.c4 import C4Config, check
from data.clean.filters.rejection import Rejection
from data.text.words import count_sentences

FIVE = "One is here. Two is here! Three is here? Four is here. Five is here."


def test_five_sentences_are_enough_and_four_are_not() -> None:
    assert check(FIVE, C4Config()) == (FIVE, None, {})
    text = FIVE.removesuffix(" Five is here.")
    assert check(text, C4Config())[1] == Rejection("sentences", "4 < 5")


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("A word of " + "x" * 1001 + " is too long.", "word_length"),
        ("Too few.", "words_per_line"),
        ("Please enable JavaScript to go on.", "javascript"),
        ("Read our Privacy Policy before you go.", "policy"),
        ("This site uses cookies for you.", "policy"),
    ],
)
def test_line_rules_drop_the_line_alone(line: str, rule: str) -> None:
    text, rejection, dropped = check(f"{FIVE}\n{line}\n{FIVE}", C4Config())
    assert (text, rejection, dropped) == (f"{FIVE}\n{FIVE}", None, {rule: 1})


@pytest.mark.parametrize(
    ("line", "rule"), [("Some Lorem Ipsum stands here", "lorem_ipsum"), ("if (x) { return y }", "curly_bracket")]
)
def test_document_rules_reject_the_document(line: str, rule: str) -> None:
    rejection = check(f"{FIVE}\n{line}", C4Config())[1]
    assert rejection is not None
    assert rejection.rule == rule
    assert line in rejection.detail


def test_a_dropped_line_rejects_nothing() -> None:
    assert check(f"{FIVE}\nlorem ipsum\n{{ x", C4Config()) == (FIVE, None, {"words_per_line": 2})


def test_the_end_mark_rule_is_off_unless_asked_for() -> None:
    text = f"{FIVE}\nno end mark here\nan ellipsis is none...\nbut a quote is 'one'"
    assert check(text, C4Config())[0] == text
    cut, rejection, dropped = check(text, C4Config(require_end_mark=True))
    assert (cut, rejection, dropped) == (f"{FIVE}\nbut a quote is 'one'", None, {"end_mark": 2})


def test_citations_are_cut_out_and_other_brackets_stay() -> None:
    text = f"Rome[12] fell[edit] to them[citation needed] [sic] [1a] here[]. {FIVE}"
    assert check(text, C4Config())[0] == f"Rome fell to them [sic] [1a] here. {FIVE}"
    assert check(text, C4Config(remove_citations=False))[0] == text


def test_a_line_without_a_sentence_counts_as_one() -> None:
    four = FIVE.removesuffix(" Five is here.")
    assert check(f"{four}\n[1] [2] [3]", C4Config())[1] is None  # as in datatrove: nothing is left of the line
    assert check(f"{four}\n[1] [2]", C4Config())[1] == Rejection("sentences", "4 < 5 without lines of words_per_line")


@pytest.mark.parametrize(
    ("line", "sentences"),
    [
        ("", 0),
        ("no mark", 1),
        ("One. two", 2),
        ('He said "Yes." Then he left.', 2),
        ("It costs 3.50 today... or not?!", 2),
        ("これは文です。これも文です。", 2),
        ("यह पहला वाक्य है। यह दूसरा है। यह तीसरा है।", 3),
        ("هذا سؤال؟ وهذا آخر؟", 2),
        ("یہ ایک ہے۔ یہ دو ہے۔", 2),
    ],
)
def test_sentences(line: str, sentences: int) -> None:
    assert count_sentences(line) == sentences


@pytest.mark.parametrize("text", ["." * 1_000_000 + "x", ".)" * 500_000 + "x", "[1" * 500_000, "[" + "1" * 1_000_000])
def test_hostile_lines_take_linear_time(text: str) -> None:
    start = time.perf_counter()
    check(text, C4Config())
    count_sentences(text)
    assert time.perf_counter() - start < 5  # quadratic work would take hours
