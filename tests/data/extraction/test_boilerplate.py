"""What is no content goes, by what stands in it; prose stays, whatever its class or id says."""

import time

import pytest

from data.extraction.html import extract, html_to_text

SENTENCE = "The mill at the river grinds rye and wheat for the village, in summer and in winter. "
PROSE = f"<p>{SENTENCE}</p>"
LINKS = "".join(f"<li><a href='/{n}'>Another page of the site {n}</a></li>" for n in range(5))
OTHER = "Labels survive a change of disks, names of devices do not; a table of mounts should use them."


def shown(content: str) -> str:
    """The text of a page whose article has `content` between its paragraphs."""
    return html_to_text(f"<html><body><div><div>{PROSE * 3}{content}{PROSE * 3}</div></div></body></html>")


NAMES = [
    "hardware-related-noise",
    "related-tools",
    "related-work",
    "copyright",
    "recommended-links",
    "comments",
    "sharing-data",
    "navigation-systems",
    "footer-notes",
    "sidebar",
    "search",
    "popular-mills",
    "print-shops",
    "featured-mills",
    "logo",
    "gallery",
    "menu-item",
    "legal",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("attribute", ["id", "class"])
def test_a_section_of_prose_stays_whatever_it_is_called(name: str, attribute: str) -> None:
    section = f'<section {attribute}="{name}"><h2>Of mills</h2><p>{OTHER} {SENTENCE}</p><p>{SENTENCE * 2}</p></section>'
    assert OTHER in shown(section) and "Of mills" in shown(section)
    assert OTHER in shown(section.replace("section", "div"))


@pytest.mark.parametrize("name", ["related-work", "search", "newsletter", "share-of-rye", "cookies", "popup-menus"])
def test_a_section_that_is_called_after_its_heading_stays(name: str) -> None:
    heading = name.replace("-", " ").title()
    section = f'<section id="{name}"><h2>{heading}</h2><p>{OTHER}</p></section>'
    assert OTHER in shown(section) and heading in shown(section)
    assert shown(f'<h2 id="{name}">{heading}</h2>{PROSE}').count(heading) == 1


@pytest.mark.parametrize(
    "box",
    [
        f'<div class="sidebar"><p class="title">A box</p><p>{OTHER}</p></div>',
        f'<aside class="note"><p>{OTHER}</p></aside>',
        f"<aside><p>{OTHER}</p></aside>",
        f'<p class="sidebar">{OTHER}</p>',
        f'<aside class="sidebar"><h3>A box</h3><p>{OTHER}</p></aside>',
        '<div class="sidebar"><p>标签在更换磁盘后仍然存在，而设备名称则不然，所以挂载表应当使用标签。</p></div>',
    ],
)
def test_a_box_of_prose_within_the_text_stays(box: str) -> None:
    text = shown(box)
    assert OTHER in text or "标签在更换磁盘后" in text
    assert text.count(SENTENCE.strip()) == 6


@pytest.mark.parametrize(
    "furniture",
    [
        f'<div class="related"><h3>Related pages</h3><ul>{LINKS}</ul></div>',
        f'<div id="related-links"><h3>Related links</h3><ul>{LINKS}</ul></div>',
        f'<section class="recommended"><h2>Recommended</h2><p><a href="/a">Another page of the site</a></p>{LINKS}</section>',
        f"<aside><h3>Another page</h3><ul>{LINKS}</ul></aside>",
        f'<div class="sidebar"><ul>{LINKS}</ul></div>',
        '<div class="share"><h3>Share</h3><a href="/a">Another page</a> <a href="/b">Mail</a></div>',
        '<div id="share"><h3>Share</h3><a href="/a">Another page</a> <a href="/b">Mail</a></div>',
        '<div class="copyright">Copyright © 1996-2024 The Another page Company. All rights reserved. Terms of use.</div>',
        '<p class="copyright">Copyright © 1996-2024 The Another page Company. All rights reserved. Terms of use.</p>',
        '<div class="footer"><p>© 1996-2024 Another page Company. This page has its own licence. Made with care.</p></div>',
        f'<div class="cookie-consent"><h2>Another page</h2><p>We use cookies to make this site better. {SENTENCE * 3}</p></div>',
        f'<div class="newsletter"><h3>Another page</h3><p>{SENTENCE * 3}</p><form><input name="mail"></form></div>',
        f'<div class="modal"><p>Another page {SENTENCE}</p></div>',
        f"<div hidden><p>Another page {SENTENCE}</p></div>",
        f'<div style="display: none"><p>Another page {SENTENCE}</p></div>',
        f'<p aria-hidden="true">Another page {SENTENCE}</p>',
        f"<nav><p>Another page</p><ul>{LINKS}</ul></nav>",
        f"<ul>{LINKS}</ul>",
        f"<ul>{LINKS.replace('</li>', ' (12 May)</li>')}</ul>",
        f'<div class="related"><p>See these pages, which tell of mills, of their stones, and of millers.</p>{LINKS * 2}</div>',
        '<div class="copyright"><h3>Another page</h3><p>© 1996-2024 The Company. All rights reserved, terms apply.</p></div>',
    ],
)
def test_boxes_of_links_notices_and_what_is_hidden_go(furniture: str) -> None:
    assert "Another page" not in shown(furniture)


def test_a_box_stays_among_paragraphs_that_are_no_p() -> None:
    para = f'<div class="para">{SENTENCE}</div>'
    box = f'<div class="sidebar"><div class="titlepage"><p class="title"><strong>NOTE</strong> A box</p></div>{OTHER}</div>'
    page = f'<body><div class="section">{para * 3}{box}{box}<div class="para">{SENTENCE}<ul><li>a</li></ul></div></div></body>'
    assert html_to_text(page).count(OTHER) == 2


def test_tables_and_tips_of_the_text_stay_though_they_are_full_of_links() -> None:
    rows = "".join(f"<tr><td><a href='/{n}'>package-{n}</a></td><td>tool {n}</td></tr>" for n in range(9))
    table = f'<div class="table"><div class="table-contents"><table>{rows}</table></div></div>'
    tip = '<div class="tip"><h3>Tip</h3><p>See <a href="/a">Section 9, “Colorized commands”</a>.</p></div>'
    text = shown(table + tip)
    assert text.count("package-") == 9 and "Colorized commands" in text


@pytest.mark.parametrize("anchor", ['<a id="x"/>', "<a name='x' />", '<a id="x"></a>'])
def test_places_that_others_link_to_are_no_links(anchor: str) -> None:
    text = shown(
        f"<h3>{anchor}Basics</h3><ul><li>Names are <b>case</b> sensitive.</li><li>Paths begin with a stroke.</li></ul>"
    )
    assert "Names are case sensitive." in text and "Paths begin" in text


def test_a_column_beside_the_text_is_no_box_in_it() -> None:
    column = f'<div id="sidebar"><h3>About</h3><p>{SENTENCE}</p><ul>{LINKS * 3}</ul></div>'
    page = f'<body><div id="page"><div id="content">{PROSE * 5}</div>{column}</div></body>'
    assert "About" not in html_to_text(page)


@pytest.mark.parametrize(
    "row",
    [
        '<div class="book-navigation"><a href="a">‹ Another</a> <a href="b">up</a> <a href="c">page ›</a></div>',
        '<ul class="docnav"><li class="home">Another book</li><li class="next"><a href="n">Next</a></li></ul>',
        '<div class="header"><p>Next: <a href="a" rel="next">Another</a>, Up: <a href="b" rel="up">Top</a></p></div>',
        '<p>Next: <a href="a" accesskey="n">Another</a>, Previous: <a href="b" accesskey="p">One</a></p>',
        '<table><tr><td><a href="a" rel="prev">Prev</a> Another</td><td><a href="b" rel="next">Next</a></td></tr></table>',
        '<nav class="pager"><a href="a">Another page</a></nav>',
        '<div class="pagination"><span>Another</span> <a href="a">2</a> <a href="b">3</a></div>',
        '<p class="breadcrumbs"><a href="a">Another</a> » <a href="b">Page</a> » This</p>',
    ],
)
@pytest.mark.parametrize("depth", [0, 1, 3, 6])
def test_a_row_of_links_to_other_pages_goes_whatever_its_depth(row: str, depth: int) -> None:
    page = f"<body>{'<div>' * depth}{row}<h1>Mills</h1>{PROSE * 3}{row}{'</div>' * depth}</body>"
    text = html_to_text(page)
    assert "Another" not in text and "•" not in text and text.count(SENTENCE.strip()) == 3


def test_a_link_to_the_next_page_within_a_sentence_stays() -> None:
    told = 'How the stones are dressed is told in the <a rel="next" href="b">next chapter</a>, with all that a miller needs.'
    sentence = f"<p>{told} {OTHER}</p>"
    assert "miller needs" in shown(sentence)
    assert "miller needs" in shown(f'<div class="page-with-nav"><div>{sentence}</div></div>')


@pytest.mark.parametrize(
    "items",
    [
        "<li><a href='/w'>Watermill</a> – driven by a river</li><li><a href='/i'>Windmill</a> – driven by wind, on sails</li>",
        "<li> for founders. See <a href='/l'>founders loan</a>. </li><li> for firms in trouble, by a river</li>",
        "<li>Take the flour, see <a href='/f'>all about flour</a>, by a river<ul><li>then <a href='/w'>water</a> of the river"
        "</li></ul></li>",
        "<li>path <a href='/s'>&lt;string></a> of a river</li><li>length <a href='/n'>&lt;number></a></li>",
    ],
)
@pytest.mark.parametrize("depth", [0, 2, 5])
def test_a_list_of_the_article_whose_items_have_links_stays(items: str, depth: int) -> None:
    text = html_to_text(f"<body>{'<div>' * depth}{PROSE}<ul>{items}</ul>{PROSE}</body>")
    assert "river" in text and text.count("•") == items.count("<li>")
    assert all(word in text for word in ("Watermill", "sails") if word in items) and (
        "founders loan" in text or "founders" not in items
    )


def test_what_is_left_out_is_counted_by_kind() -> None:
    page = f"""<body><nav><a href="/">Home</a></nav><div><div>{PROSE}<div class="related"><a href="/r">More</a></div>
    <ul>{LINKS}</ul><p hidden>unseen</p><script>var x;</script></div></div><footer>The end</footer></body>"""
    left_out = extract(page).left_out
    assert left_out == {"navigation": 4, "boxes": 4, "lists of links": 5 * 21, "hidden": 6, "other": 6}
    assert not extract(f"<body>{PROSE}</body>").left_out
    assert extract(page, extractor="trafilatura").left_out.keys() <= {"other"}
    assert not extract(page, main_content=False).left_out


@pytest.mark.parametrize("page", ["<ul>" * 400 + "x" * 100_000, "<div class=related>" * 400 + "x " * 100_000])
def test_elements_in_one_another_are_looked_at_in_bounded_time(page: str) -> None:
    assert html_to_text(page) is not None


def test_what_stands_around_many_links_is_looked_at_in_bounded_time() -> None:
    begin = time.perf_counter()
    text = html_to_text(f"<body><div>{'river ' * 40_000}{'<a rel=next>x</a>' * 10_000}</div>")
    assert "river" in text
    assert time.perf_counter() - begin < 10  # it takes less than one; a look at all for each link takes half a minute
