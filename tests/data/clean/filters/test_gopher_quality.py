import pytest

from data.clean.filters.gopher_quality import GopherQualityConfig, check
from data.clean.filters.rejection import Rejection
from data.text.word_arrays import words_of

CONFIG = GopherQualityConfig()
GOOD = "the cat and dog went to town with a friend of mine who liked good old stories " * 5


def run(text: str, **fields: object) -> Rejection | None:
    return check(text, words_of(text), GopherQualityConfig(**fields))


def test_plain_prose_passes() -> None:
    assert run(GOOD) is None


@pytest.mark.parametrize(
    ("text", "rejection"),
    [
        ("the cat and dog", Rejection("word_count", "4 < 50")),
        (GOOD * 1300, Rejection("word_count", "1.105e+05 > 100000")),
        ("a b c to of and " * 20, Rejection("mean_word_length", "1.667 < 3")),
        (
            "incomprehensibilities the and " * 5 + "incomprehensibilities " * 60,
            Rejection("mean_word_length", "18.6 > 10"),
        ),
        (GOOD + "# " * 15, Rejection("hashes", "0.15 > 0.1")),
        (GOOD + "word... " * 6 + "word… " * 6, Rejection("ellipses", "0.1237 > 0.1")),
        ("\n".join("- " + line + " the and" for line in [GOOD[:77]] * 5), Rejection("bullet_lines", "1 > 0.9")),
        (GOOD + "\n" + GOOD + "…\n" + GOOD + "...", Rejection("ellipsis_lines", "0.6667 > 0.3")),
        (GOOD + "1234 " * 30, Rejection("alphabetic_words", "0.7391 < 0.8")),
        ("The Cat And Dog went home the same day " * 8, Rejection("stop_words", "1 < 2")),
    ],
)
def test_each_rule_rejects_with_what_it_measured(text: str, rejection: Rejection) -> None:
    assert run(text) == rejection


def test_bullets_of_both_kinds_count_and_nine_in_ten_pass() -> None:
    lines = ["• the cat and dog went to town"] * 5 + ["- the cat and dog went to town"] * 4 + [GOOD]
    assert run("\n".join(lines)) is None
    assert run("\n".join(lines), max_bullet_lines=0.89) == Rejection("bullet_lines", "0.9 > 0.89")


def test_words_of_symbols_alone_are_not_counted_but_stay_in_the_denominators() -> None:
    text = "the cat and dog went to town with old friends " * 5
    assert run(text) is None  # exactly 50 words
    assert run(text + "-- ( & ") is None  # neither the count nor the mean length takes them in
    assert run(text.replace("friends", "--")) == Rejection("word_count", "45 < 50")
    assert run(text + "-- " * 13) == Rejection("alphabetic_words", "0.7937 < 0.8")


def test_the_mean_word_length_is_no_median() -> None:
    text = ("the and to of " * 3 + "x" * 500 + " ") * 5  # median 3, mean above 10
    assert run(text) == Rejection("mean_word_length", "40.77 > 10")


def test_a_stop_word_counts_once() -> None:
    assert run("the house stands " * 20) == Rejection("stop_words", "1 < 2")
    assert run("the house stands of " * 20) is None


def test_without_a_word_that_counts_there_is_no_mean_length() -> None:
    assert run(
        "## ...", min_words=0, max_hashes_per_word=None, max_ellipses_per_word=None, max_ellipsis_lines=None
    ) == Rejection("alphabetic_words", "0 < 0.8")
    assert run("; ;", min_words=None, min_alphabetic_words=None, min_stop_words=None) is None


def test_marks_of_other_scripts_are_no_words() -> None:
    assert run("। ۔ ؟ " * 30) == Rejection("word_count", "0 < 50")


def test_a_rule_is_switched_off_by_null_and_no_other() -> None:
    text = "a b c to of and " * 20
    assert run(text, min_mean_word_length=None) is None
    assert run(text, max_mean_word_length=None) == Rejection("mean_word_length", "1.667 < 3")
