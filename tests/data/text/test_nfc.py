"""NFC of any text: equal to Python's, and in time that grows with the text."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.text.nfc import nfc, with_sorted_marks
from data.text.normalise import normalise

# Of several classes, one of which decomposes to two marks, and one that composes with kana.
MARKS = st.lists(st.sampled_from("\u0301\u0316\u0323\u0344\u0f73\u05b0\u3099\u0345"), max_size=300).map("".join)


@given(st.lists(st.tuples(st.sampled_from(["", "a", "é", "ệ", "か", "ᄀ"]), MARKS), max_size=3), st.text(max_size=5))
def test_it_is_python_s_nfc(pieces: list[tuple[str, str]], behind: str) -> None:
    text = "".join(base + marks for base, marks in pieces) + behind
    assert nfc(text) == unicodedata.normalize("NFC", text)
    assert unicodedata.normalize("NFC", with_sorted_marks(text)) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize("method", ["ftfy", "nfc"])
@pytest.mark.parametrize(
    "text",
    [
        "a" + "\u0301\u0316" * 150_000,
        "\u0344\u0316" * 150_000,
        ("a" + "\u0301\u0316" * 50_000).encode().decode("latin-1"),  # decodes to marks
    ],
)
def test_runs_of_marks_take_linear_time(method: str, text: str) -> None:
    """Python alone takes a minute for the first; processor time, so that what else runs here does not matter."""
    start = time.process_time()
    normalise(text, method)
    assert time.process_time() - start < 20
