from data.clean.filters.fineweb import FineWebConfig, check
from data.clean.filters.rejection import Rejection
from data.text.word_arrays import words_of

LINES = [f"This is the line of number {i}, long enough to count." for i in range(100)]


def run(text: str, **fields: object) -> Rejection | None:
    return check(text, words_of(text), FineWebConfig(**fields))


def test_prose_passes() -> None:
    assert run("\n".join(LINES)) is None


def test_lines_with_end_marks_at_the_threshold() -> None:
    plain = [line.rstrip(".") for line in LINES]
    assert run("\n".join(LINES[:12] + plain[12:])) is None
    assert run("\n".join(LINES[:11] + plain[11:])) == Rejection("line_punctuation", "0.11 < 0.12")


def test_short_lines_at_the_threshold() -> None:
    short = [f"It is so, {i:20d}." for i in range(100)]
    assert {len(line) for line in short} == {31}
    assert run("\n".join(short)) is None
    shorter = [f"It is so, {i:19d}." for i in range(100)]
    assert run("\n".join(shorter[:67] + LINES[67:])) is None
    assert run("\n".join(shorter[:68] + LINES[68:])) == Rejection("short_lines", "0.68 > 0.67")


def test_characters_in_duplicate_lines_use_the_appendix_threshold() -> None:
    text = "\n".join([*LINES, LINES[0]])
    assert run(text) is None  # one extra copy of 101 lines is below 0.01
    rejection = run("\n".join([*LINES, LINES[0], LINES[1]]))
    assert rejection is not None
    assert rejection.rule == "duplicate_line_characters"
    assert run("\n".join([*LINES, LINES[0], LINES[1]]), max_duplicate_line_characters=0.1) is None


def test_newlines_per_word_find_lists() -> None:
    words = [f"Incomprehensibilities-of-number-{i}." for i in range(20)]
    assert run("\n".join(words)) == Rejection("newlines", "0.95 > 0.3")
    assert run("\n\n\n".join(LINES[:10])) is None  # empty lines are no lines, but their newlines count


def test_the_end_marks_are_those_of_all_scripts_or_those_that_fineweb_was_made_with() -> None:
    quotes = "\n".join(line.replace("count.", 'count."') for line in LINES)
    assert run(quotes) == Rejection("line_punctuation", "0 < 0.12")
    assert run(quotes, end_marks="fineweb") is None
    arabic = "\n".join(line.replace("count.", "count؟") for line in LINES)
    assert run(arabic) is None
    assert run(arabic, end_marks="fineweb") == Rejection("line_punctuation", "0 < 0.12")
