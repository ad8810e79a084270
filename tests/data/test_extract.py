"""HTML to text: the content stays, what is around it goes."""

import time

import pytest

from data.extract import html_to_text

SENTENCE = "The quick brown fox jumps over the lazy dog while the patient cat looks on from the garden wall. "
PAGE = f"""<!DOCTYPE html><html><head><title>T</title><script>var hidden = 1;</script><style>p {{}}</style></head><body>
<nav><ul><li><a href="/">Home page</a></li><li><a href="/login">Log in</a></li></ul></nav>
<div class="cookie-banner">We use cookies. <button>Accept</button></div>
<main><article><h1>Heading</h1><p>First. {SENTENCE * 3}</p><p>Second &amp; last. {SENTENCE * 3}</p></article></main>
<footer><p>Copyright notice</p></footer></body></html>"""


def test_the_main_content_is_kept_and_the_surroundings_go() -> None:
    text = html_to_text(PAGE.encode())
    assert "Heading" in text and "First. The quick" in text and "Second & last. The quick" in text
    for chrome in ("Home page", "Log in", "cookies", "Copyright", "hidden", "Accept"):
        assert chrome not in text


def test_paragraphs_stand_on_lines_of_their_own() -> None:
    lines = html_to_text(PAGE.encode()).splitlines()
    assert any(line.startswith("First.") for line in lines) and any(line.startswith("Second") for line in lines)


def test_a_page_in_another_encoding_is_decoded() -> None:
    page = PAGE.replace("Heading", "Überschrift für Käufer").replace("<head>", '<head><meta charset="iso-8859-1">')
    assert "Überschrift für Käufer" in html_to_text(page.encode("iso-8859-1"))
    assert "Überschrift für Käufer" in html_to_text(b"\xef\xbb\xbf" + page.encode())


def test_rubbish_gives_text_or_nothing_but_no_error() -> None:
    for page in (b"", b"\x00\xff\xfe", b"<", b"<html><body></body></html>", b"<p>unclosed <b>tags <i>here"):
        assert isinstance(html_to_text(page), str)


@pytest.mark.parametrize("tag", [b"<div>", b"<div></x>"])
def test_nesting_without_end_is_an_error_that_comes_soon(tag: bytes) -> None:
    start = time.monotonic()
    with pytest.raises(ValueError, match="more than 512"):
        html_to_text(tag * 50_000 + b"deep")
    assert time.monotonic() - start < 20


def test_a_long_page_is_no_deep_page() -> None:
    page = b"<main>" + b"<p>A sentence <b>of</b> some length that is to be kept.</p>" * 5_000
    assert html_to_text(page).count("A sentence of some length") == 5_000
