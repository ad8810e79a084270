"""What changed between two texts: every word accounted for, with bounded work."""

from pipeline.inspect_changes import SENTENCES, WORDS, changes


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
    long = "\n".join(f"line {number}" for number in range(SENTENCES + 1))
    assert changes(long, long + " longer") == ([], False), "only the beginning"
    words = " ".join(f"w{number * number % 997}" for number in range(3 * WORDS))
    found, whole = changes(words, words[::-1])
    assert not whole
    assert sum(len(piece.text.split()) for change in found for piece in change.pieces) <= 2 * WORDS
    assert changes("x" * 10_000_000, "y" * 10_000_000)[1]
