"""HTML to text: the content stays and can be read, what is around it goes."""

import html

import pytest
from resiliparse.extract.html2text import extract_plain_text

from data.extraction.html import Extractor, extract, html_to_text

SENTENCE = "The quick brown fox jumps over the lazy dog while the patient cat looks on from the garden wall. "
PAGE = f"""<!DOCTYPE html><html><head><title> A
 title</title><script>var hidden = 1;</script><style>p {{}}</style></head><body>
<nav><ul><li><a href="/">Home page</a></li><li><a href="/login">Log in</a></li></ul></nav>
<div class="cookie-banner">We use cookies. <button>Accept</button></div>
<div id="onetrust-consent-sdk"><p>Your privacy choices</p></div>
<main><article><h1>Heading</h1><p>First. {SENTENCE * 3}</p><p>Second &amp; last. {SENTENCE * 3}</p></article></main>
<footer><p>Copyright notice</p></footer></body></html>"""


def body(content: str) -> str:
    """The text of a page whose article is `content` after a sentence."""
    return html_to_text(f"<html><body><article><p>{SENTENCE}</p>{content}</article></body></html>")[len(SENTENCE) :]


@pytest.mark.parametrize("extractor", ["resiliparse", "trafilatura"])
def test_the_main_content_is_kept_and_the_surroundings_go(extractor: Extractor) -> None:
    title, text, _ = extract(PAGE.encode(), extractor=extractor)
    assert title == "A title"
    assert "Heading" in text and "First. The quick" in text and "Second & last. The quick" in text
    for chrome in ("Home page", "Log in", "cookies", "Copyright", "hidden", "Accept", "privacy choices"):
        assert chrome not in text


def test_without_main_content_all_that_is_shown_stays() -> None:
    text = html_to_text(PAGE.encode(), main_content=False)
    assert "Home page" in text and "Copyright notice" in text and "hidden" not in text


def test_paragraphs_stand_on_lines_of_their_own() -> None:
    lines = html_to_text(PAGE.encode()).splitlines()
    assert any(line.startswith("First.") for line in lines) and any(line.startswith("Second") for line in lines)


def test_headings_stand_alone_without_the_sign_that_links_to_them() -> None:
    page = '<h2>Part one<a class="x" href="#a">¶</a></h2><p>a</p><h2>Part two <a href="#b">#</a></h2><p>b</p>'
    assert body(page).split() == ["Part", "one", "a", "Part", "two", "b"]
    assert "Part one\n" in body(page)
    for title in ("<b>{}</b>", "<b><i>One</i>{}</b>", '<b><span class="hidden">One{}</span>Two</b>'):
        assert "#" not in body(f"<h2>{title.format('<a href=x>#</a>')}</h2>")


def test_the_lists_of_an_article_stay_and_lists_of_links_go() -> None:
    listed = "<ul><li>First point</li><li>Second point, see <a href='x'>there</a><ul><li>Below it</li></ul></li></ul>"
    assert [line.strip() for line in body(listed).splitlines() if line] == [
        "• First point",
        "• Second point, see there",
        "• Below it",
    ]
    assert body("<ol><li>One</li><li>Two</li></ol>").split() == ["1.", "One", "2.", "Two"]
    assert "Elsewhere" not in body("<ul><li><a href='x'>Elsewhere</a></li> <li><a href='y'>And there</a></li></ul>")


def test_a_permalink_in_a_cell_does_not_break_its_row() -> None:
    sign = '<a class="h" href="#a">{}</a>'
    cells = [
        f"<p>one</p> {sign.format('#')} {sign.format('#')}\n",
        f"{sign.format('¶')} {sign.format('&PARA;')}<p>two</p>",
        "<p>three</p>\n",
    ]
    row = "".join(f"<td>{cell}</td>" for cell in cells)
    assert "one\t\ttwo\t\tthree" in body(f"<table><tr>{row}</tr></table>")


def test_the_rows_of_a_table_are_lines_and_its_cells_are_apart() -> None:
    table = "<table><caption>Sizes</caption><tr><th><p>Name</p></th><th>Bytes</th></tr>"
    table += "<tr><td> <p class='x'>int</p> </td><td><p>4</p></td></tr><tr><td></td><td>8</td></tr></table>"
    assert [line.split("\t\t") for line in body(table).splitlines() if line.strip()] == [
        ["Sizes"],
        ["Name", "Bytes"],
        ["int", "4"],
        ["", "8"],
    ]


def test_code_keeps_its_white_space_and_loses_its_line_numbers() -> None:
    code = (
        '<pre><span class="k">def</span> <span class="nf">f</span>():\n\n    <b>return</b>\t<code>1</code>  # x</pre>'
    )
    assert body(code).strip("\n") == "def f():\n\n    return\t1  # x"
    numbered = "<table><tr><td class='linenos'><pre>1\n2</pre></td><td><pre>x = 1\ny = 2</pre></td></tr></table>"
    assert body(numbered).strip() == "x = 1\ny = 2"


def test_a_figure_keeps_its_code_and_caption_but_not_the_description_of_its_image() -> None:
    figure = "<figure><img alt='A > B' src=x><pre>a\n  b</pre><figcaption>What it shows</figcaption></figure>"
    assert body(figure).strip() == "a\n  b\nWhat it shows"


@pytest.mark.parametrize("character", ["人", "–", "→", "अ", "€"])
def test_a_character_of_three_bytes_that_stands_alone_is_kept(character: str) -> None:
    text = body(
        f"<p><a href=x>{character}</a> {character}<a href=y>y</a><a href=x>z</a> {character} <a href=y>y</a></p>"
    )
    assert text.count(character) == 3
    assert body(f"<p>a <b>{character}</b></p>").strip() == f"a {character}"
    assert body(f"<table><tr><td>&#{ord(character)};</td><td>a</td></tr></table>").strip() == f"{character}\t\ta"


@pytest.mark.parametrize("text", ["là", "l&agrave;", "m²", "5°", "5&nbsp;", "&lt;é"])
def test_a_text_of_two_characters_and_three_bytes_is_kept(text: str) -> None:
    shown = html.unescape(text)
    assert body(f"<p>{text}</p>").strip("\n") == shown
    assert body(f"<table><tr><td>{text}</td><td>abc</td></tr></table>").strip("\n") == f"{shown}\t\tabc"
    assert body(f"<p>a <b><img src=x></b>{text}<sup>1</sup></p>").strip("\n") == f"a {shown}1"


@pytest.mark.parametrize("icon", ["\uf0a9", "\ue001", "&#xf0a9;", "&#61609;"])
def test_an_icon_is_no_text(icon: str) -> None:
    assert body(f'<p><i class="fa">{icon}</i> Home <b> {icon}</b></p>').strip() == "Home"
    assert body(f'<p>See <span class="ext"><a href="x">it</a> {icon}</span> now</p>').strip() == "See it now"


def test_trafilatura_gets_the_same_page_without_marks_of_ours() -> None:
    page = PAGE.replace("First.", "First <a href=x>→</a> <a href=y>人</a>").replace(" A\n title", "→")
    title, text, _ = extract(page, extractor="trafilatura")
    assert title == "→" and "First → 人" in text and "\ufdd0" not in text


def test_elements_that_are_not_shown_are_not_taken_for_plain_ones() -> None:
    assert (
        body('<p>a<span class="hidden">b</span><span class="lineno">c</span><span class="n">d</span></p>').strip()
        == "ad"
    )


def test_names_that_count_from_a_depth_on_are_not_taken_for_plain_ones() -> None:
    page = "<section>" * 3 + '<p>a<span class="social">b</span><span class="login">c</span><span class="n">d</span></p>'
    assert html_to_text(page).strip() == extract_plain_text(page, main_content=True).strip() == "ad"


def test_links_in_formatted_text_and_formatting_in_formatting_stay_text() -> None:
    content = (
        '<b><a href="x">a</a></b> <em>b <a href="y">c</a> d</em> <b class="k"><i><tt>e</tt>f</i> <a href="z">g</a></b>'
    )
    assert body(f"<p>{content}</p>").strip() == "a b c d ef g"
    assert "Elsewhere" not in body('<ul><li><b><a href="x">Elsewhere</a></b></li> <li><a href="y">Away</a></li></ul>')


def test_what_is_written_in_a_drawing_is_no_text() -> None:
    drawing = "<svg><g><text>A</text></g></svg> b <svg><svg><text>C</text></svg><text>D</text></svg> e <svg/> f</svg>"
    assert body(f"<p>{drawing}</p>").split() == ["b", "e", "f"]
    assert body("<svg><p>A paragraph ends a drawing.</p></svg>").strip() == "A paragraph ends a drawing."


def test_names_that_count_on_pages_with_cookies_are_not_taken_for_plain_ones() -> None:
    assert body('<p><span class="cc-window">a</span> <span class="n">cookies</span></p>').strip() == "cookies"


def test_wiki_and_docbook_furniture_goes() -> None:
    assert body('<h2>Name<span class="mw-editsection">[edit]</span></h2><p>x</p>').split() == ["Name", "x"]
    assert "Prev" not in body('<div class="navheader"><table><tr><td>Prev</td><td>Next</td></tr></table></div>')
    assert "Contents" not in body('<div class="toc"><p>Contents</p><dl><dt>1. One</dt></dl></div>')


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("iso-8859-1", "Überschrift für Käufer"),
        ("windows-1251", "Заголовок для покупателей"),
        ("shift_jis", "日本語の文章です"),
        ("iso-2022-jp", "日本語の文章です"),
        ("gb18030", "中文文章，这是一个很长的句子"),
        ("euc-kr", "한국어 문장입니다"),
    ],
)
def test_a_page_in_another_encoding_is_decoded(encoding: str, text: str) -> None:
    page = PAGE.replace("Heading", text)
    named = page.replace("<head>", f'<head><meta http-equiv="Content-Type" content="text/html; charset={encoding}">')
    assert text in html_to_text(named.encode(encoding))
    assert text in html_to_text(page.encode(encoding), declared_encoding=encoding.upper())


def test_unicode_needs_no_declaration_and_does_not_heed_a_wrong_one() -> None:
    page = PAGE.replace("Heading", "Überschrift")
    japanese = "<html><body><p>日本語の文章です</p></body></html>"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"):
        assert "Überschrift" in html_to_text(page.encode(encoding)), encoding
        assert html_to_text(japanese.encode(encoding)) == "日本語の文章です", encoding
    assert "Überschrift" in html_to_text(page.encode(), declared_encoding="iso-8859-1")
    assert "Überschrift" in html_to_text(page)


def test_single_bytes_that_fit_no_encoding_do_not_spoil_the_rest() -> None:
    page = PAGE.replace("Heading", "Überschrift für Käufer §").encode() + b"\xff\xe4"
    assert "Überschrift für Käufer" in html_to_text(page, declared_encoding="utf-8")
    assert html_to_text(b"<p>caf\xe9 cr\xe8me" + b"<p>d\xe9j\xe0 vu" * 20, declared_encoding="no such").startswith(
        "caf"
    )


def test_rubbish_gives_text_or_nothing_but_no_error() -> None:
    for page in (
        b"",
        b"\x00\xff\xfe",
        b"<",
        b"<html><body></body></html>",
        b"<p>unclosed <b>tags <i>here",
        b"<!--",
        b"<p \xff",
    ):
        for extractor in ("resiliparse", "trafilatura"):
            assert isinstance(html_to_text(page, extractor=extractor), str)
    assert html_to_text("<p>lone \ud800 surrogate") == "lone ? surrogate"


def test_a_long_page_is_no_deep_page() -> None:
    page = b"<main>" + b"<p>A sentence <b>of</b> some length that is to be kept.</p>" * 5_000
    assert html_to_text(page).count("A sentence of some length") == 5_000
