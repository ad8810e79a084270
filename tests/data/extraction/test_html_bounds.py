"""Pages made to cost time or memory: refused or read, soon either way, and without harm to honest large pages."""

import time

import pytest

from data.extraction.html import html_to_text
from data.extraction.html_bounds import bounded

SECONDS = 20  # each takes less than two on an idle machine

REFUSED = {
    "nested blocks": "<div>" * 100_000 + "deep",
    "nested blocks, closed": "<div>" * 100_000 + "deep" + "</div>" * 100_000,
    "nested blocks, wrong end tags": "<div></x>" * 100_000,
    "nested inline elements": "<span>" * 100_000 + "deep",
    "nested tables": "<table><tr><td>" * 100_000,
    "nested lists": "<ul><li>" * 100_000,
    "deep and not so many": "<div>" * 600 + "<p>x</p>" * 2_000,
    "formatting left open": "<p>" + "".join(f"<b a{n}>" for n in range(100_000)) + "</p>" + "<p>x</p>" * 100_000,
    "formatting between blocks": "".join(f"<b a{n}><p>" for n in range(100_000)) + "</b>" * 100_000,
    "attributes": "<p " + " ".join(f"a{n}=1" for n in range(100_000)) + ">x",
    "attributes with no value": "<p " + "/".join(f"a{n}" for n in range(100_000)) + ">x",
    "attributes with tags in them": "<p " + " ".join(f"a{n}='<a>'" for n in range(100_000)) + ">x",
    "tags in tags": "<p x='>'>" + "<a" * 100_000,
    "tags": "<p>x" * 1_000_001,
    "classes": "".join(f'<b class="c{n}">x</b>' for n in range(100_000)),
    "classes of blocks": "".join(f'<p class="nav c{n}" id="nav">x</p>' for n in range(100_000)),
}
READ = {
    "formatting left open": (
        "<p>" + "".join(f"<STRONG a{n}>" for n in range(480)) + "</p>" + "<p>x</p>" * 3_000,
        3_000,
    ),
    "depth in a small page": ("<div>" * 2_500 + "x", 1),
    "many lists near the root": ("<ul><li>x</li></ul>" * 10_000, 10_000),
    "a long attribute": ("<p>x</p><p data-x='" + "a b/c " * 50_000 + "'>x</p>" + "<p title='>'>x</p>" * 1_000, 1_002),
    "classes": ("".join(f'<b class="c{n % 15_000}">x</b>' for n in range(100_000)), 100_000),
    "ids": ("".join(f'<p id="nav-{n}">x</p>' for n in range(100_000)), 100_000),
    "classes of blocks": ("".join(f'<p class="nav c{n % 15_000}">x</p>' for n in range(100_000)), 0),
    "boxes in boxes": ('<div class="related">' * 400 + "x" + "a " * 300_000, 0),
    "a long line": ("x " * 1_000_000, 1_000_000),
    "paragraphs left open": ("<p>x" * 50_000, 50_000),
    "items left open": ("<main><ol>" + "<li>x" * 50_000, 50_000),
}


@pytest.mark.parametrize("page", REFUSED.values(), ids=REFUSED)
def test_a_page_past_the_bounds_is_refused_soon(page: str) -> None:
    start = time.monotonic()
    with pytest.raises(ValueError, match=r"more than|without end"):
        html_to_text(page)
    assert time.monotonic() - start < SECONDS


@pytest.mark.parametrize(("page", "count"), READ.values(), ids=READ)
def test_a_page_within_them_is_read_soon(page: str, count: int) -> None:
    start = time.monotonic()
    assert html_to_text(page).count("x") == count
    assert time.monotonic() - start < SECONDS


def test_formatting_that_would_be_opened_again_and_again_is_not() -> None:
    page = READ["formatting left open"][0].encode()
    assert page.count(b"<STRONG") == bounded(page, page.count(b"<")).count(b"<span") == 480
    few = page.replace(b"<p>x</p>" * 2_000, b"")
    assert bounded(few, few.count(b"<")) is few


def test_trafilatura_is_not_given_what_it_would_leave_out() -> None:
    text = "A sentence that is long enough to be taken for content by any extractor of main content. " * 5
    for depth in (1, 200, 240):
        assert text.strip() in html_to_text("<div>" * depth + f"<p>{text}</p>", extractor="trafilatura")
    for depth in (260, 2_900):
        with pytest.raises(ValueError, match="which trafilatura cannot read"):
            html_to_text("<div>" * depth + f"<p>{text}</p>", extractor="trafilatura")
    with pytest.raises(ValueError, match="more than the 30000 that trafilatura"):
        html_to_text("<ul><li>x</li></ul>" * 8_000, extractor="trafilatura")
