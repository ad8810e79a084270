"""What changed between two texts: every word accounted for, with bounded work."""

import time

import pytest

from pipeline.inspect.changes import SENTENCES, WORDS, changes


def rebuilt(before: str, after: str) -> tuple[list[str], list[str]]:
    found, _ = changes(before, after)
    gone = [word for change in found for kind, text in change.pieces if kind == "-" for word in text.split()]
    new = [word for change in found for kind, text in change.pieces if kind == "+" for word in text.split()]
    return gone, new


def test_changes_between_texts() -> None:
    assert changes("a b\n\nc", "a  b\nc") == ([], True), "white space is no difference"
    assert rebuilt("", "a b") == ([], ["a", "b"])
    assert rebuilt("a b", "") == (["a", "b"], [])
    lines = [f"line {number} has words of its own" for number in range(300)]
    after = [
        line.replace("own", "<OWN>") if number == 200 else line for number, line in enumerate(lines) if number != 7
    ]
    found, whole = changes("\n".join(lines), "\n".join(after))
    assert whole
    assert [change.line for change in found] == [8, 201]
    assert rebuilt("\n".join(lines), "\n".join(after)) == ([*lines[7].split(), "own"], ["<OWN>"])


def test_comparing_ends_however_long_and_different_the_texts_are() -> None:
    long = [f"line {number}" for number in range(3 * SENTENCES)]
    halved = "\n".join(long[::2])
    found, whole = changes("\n".join(long), halved)
    assert not whole, "only the beginning"
    assert rebuilt("\n".join(long), halved)[1] == [], "what the bound cut off is not taken for a change"
    assert len(found) > SENTENCES / 3
    words = " ".join(f"w{number * number % 997}" for number in range(3 * WORDS))
    found, whole = changes(words, words[::-1])
    assert not whole
    assert sum(len(piece.text.split()) for change in found for piece in change.pieces) <= 2 * WORDS
    assert changes("x" * 10_000_000, "y" * 10_000_000)[1]


def test_what_long_texts_have_in_common_at_both_ends_needs_no_comparing() -> None:
    lines = [f"line {number}" for number in range(5 * SENTENCES)]
    after = [line.replace("7500", "<N>") if number in (3_750, 3_751) else line for number, line in enumerate(lines)]
    assert changes("\n".join(lines), "\n".join(after)) == ([], True)
    after[3_750] = "<LINE>"
    found, whole = changes("\n".join(lines), "\n".join(after))
    assert whole
    assert [(change.line, change.pieces[1:3]) for change in found] == [(3_751, (("-", "line 3750"), ("+", "<LINE>")))]
    found, whole = changes("\n".join(lines), "\n".join(lines[:2] + lines[-2:]))
    assert whole, "what is only taken out is shown to its end"
    assert [change.line for change in found] == [3]
    assert sum(len(piece.text.split()) for piece in found[0].pieces if piece.kind == "-") == 2 * (len(lines) - 4)


def table(rows: int, masked: str) -> str:
    """Lines of which every second one is `masked` with its number, the others are 60 in turn."""
    return "\n".join(f"{masked} {row}" if row % 2 else f"a row of a table {row // 2 % 60}" for row in range(rows))


def runs(own: str) -> str:
    """Sentences of words of which every second one is the same, the others are `own` with their number."""
    words = " ".join(f"{own}{word}" if word % 2 else "the" for word in range(192))
    return "\n".join(f"row {row}\n{words}" for row in range(2_000))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(table(10_000, "mail@example.org"), table(10_000, "<EMAIL>"), id="sentences"),
        pytest.param(runs("x"), runs("y"), id="words"),
    ],
)
def test_comparing_takes_seconds_however_much_is_repeated(before: str, after: str) -> None:
    """It takes one second and took minutes; processor time, so that what else runs here does not matter."""
    start = time.process_time()
    found, whole = changes(before, after)
    assert time.process_time() - start < 10
    assert found
    assert not whole
