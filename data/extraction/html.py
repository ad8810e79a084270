"""HTML to text: the main content of a page, without navigation, headers, footers and notices.

resiliparse does the work; `_prepared` and `boilerplate` keep it from what it gets wrong, each remedy with its reason.
"""

import logging
import re
from collections import Counter
from functools import lru_cache
from typing import Literal, NamedTuple

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5
from resiliparse.parse.html import HTMLTree

from data.extraction.boilerplate import characters, shown_characters, without_boilerplate
from data.extraction.html_bounds import bounded, check_classes, check_depth, check_for_trafilatura
from data.extraction.html_formulas import AROUND, SHOWN_OF_SCRIPTS, formula_of_image, write_formulas
from data.extraction.html_names import without_plain_names
from data.extraction.scripts import html_with_script_marks

Extractor = Literal["resiliparse", "trafilatura"]


class Extracted(NamedTuple):
    """The title and the text of a page."""

    title: str  # empty where the page has none
    text: str
    left_out: Counter[str]  # characters of the page's text that are not in this, by kind; white space is not counted


# A character for private use, as bytes or as a reference: fonts of icons use these.
ICON = rb"(?:\xee[\x80-\xbf]{2}|\xef[\x80-\xa3][\x80-\xbf]|&#(?:[xX][eEfF][0-9a-fA-F]{3}|5[7-9]\d{3}|6[0-3]\d{3});)"
# A sign that links to its own heading.
PERMALINK = rb"<[aA] [^<>]*+>\s*+(?:#|\xc2\xb6|\xc2\xa7|&(?i:para|#182|#xb6);)\s*+</[aA]>"
# A paragraph that fills a cell of a table would break the row: where it begins is to go, the cell's own tag is to stay.
CELL_START = rb"<(t[dh]\b[^<>]*+>)(?:\s*+%b)*+\s*+<p\b[^<>]*+>" % PERMALINK
CELL_END = rb"</p>(?:\s*+%b)*+\s*+(?=</t[dh]>)" % PERMALINK
IMAGE = rb"<(?:[iI][mM][gG]|[aA][rR][eE][aA])\b(?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*+>"
# Elements inside a line that only change how their text looks are taken out of the page: the tree is much smaller then.
# First those with text and links in them, then, when all the rest is looked for, what is left with text alone.
INLINE_START = rb"<(span|code|b|i|em|strong|tt|u|var|kbd|samp)((?: class=\"[^\"]{1,80}+\")?+)>(?!\s*+%b\s*+<)" % ICON
INLINE = re.compile(INLINE_START + rb"([^<]*+(?:<a [^<>]*+>[^<]*+</a>(?!\s*+%b\s*+<)[^<]*+)*+)</\1>" % ICON)
UNWANTED = re.compile(b"|".join((INLINE_START + rb"([^<]*+)</\1>", CELL_START, CELL_END, PERMALINK, IMAGE)))
# Three bytes alone between tags are dropped as if they were an icon: ideographs, dashes, quotation marks; but also what ends
# with a character of two, as "là", "m²" and "5&nbsp;" do.
ASCII = rb"(?:[!-%'-;=?-~]|&(?:lt|gt|amp|quot);)"
LONE = re.compile(
    rb"(>\s*+(?!%b)(?:[\xe0-\xef][\x80-\xbf]{2}|&(?!nbsp|lt|gt|amp|quot|shy|#160|#[xX]0*[aA]0)#?\w++;"
    rb"|%b(?:[\xc2-\xdf][\x80-\xbf]|&(?!lt|gt|amp|quot)#?\w++;)))(?=\s*+<)" % (ICON, ASCII)
)
# XHTML may write a place that others link to as one tag. HTML takes that for the beginning of a link without an end.
ANCHOR = re.compile(rb"<a(?:\s++(?:id|name|class|shape)=(?:\"[^\"<>]*+\"|'[^'<>]*+'))++\s*+/>", re.IGNORECASE)
COMPANY = "\ufdd0"  # This code point is no character; it is put beside the lone one and taken out again.

# These elements are never content, whatever their place. One selector with many parts is faster than many selectors, and most
# elements have no class or id: where that is asked first, the names cost nothing.
SKIPPED = ", ".join((
    # alt_texts=False would leave these out, but with them whole figures, code and caption included
    *("video", "audio", "object", "svg", "[id]#toc"),
    # DocBook's links to the previous and next chapter, tables of contents, "[edit]" beside a wiki's headings; then numbers
    # beside lines of code
    "[class]:is(.navheader, .navfooter, .toc, .table-of-contents, .mw-editsection, .linenos, .lineno, .gutter)",
))  # fmt: skip
# Cookie notices by the names that makers of consent software give them; looked for where the word is.
COOKIE_NOTICES = ", ".join((
    "[id]:is(#onetrust-consent-sdk, #CybotCookiebotDialog, #cookie-law-info-bar, #moove_gdpr_cookie_info_bar,"
    " #usercentrics-root, #didomi-host, #qc-cmp2-container, #sp_message_container)",
    "[class]:is(.cookiebar, .cc-window, .cky-consent-container, .cmplz-cookiebanner, .osano-cm-window, .fc-consent-root,"
    " .gdpr-banner)",
))  # fmt: skip

# Classes and ids in these selectors.
KEPT_NAMES = frozenset(re.findall(r"[.#]([\w-]+)", f"{SKIPPED} {COOKIE_NOTICES} {AROUND} {SHOWN_OF_SCRIPTS}"))


def html_to_text(
    page: bytes | str,
    *,
    extractor: Extractor = "resiliparse",
    declared_encoding: str | None = None,
    main_content: bool = True,
) -> str:
    """The text of `page`: see `extract`."""
    return extract(page, extractor=extractor, declared_encoding=declared_encoding, main_content=main_content).text


def extract(
    page: bytes | str,
    *,
    extractor: Extractor = "resiliparse",
    declared_encoding: str | None = None,
    main_content: bool = True,
) -> Extracted:
    """Title and text of `page`: blocks on lines of their own, code as it is, list items with bullets, cells with tabs.

    `declared_encoding` is what came with the page, in an HTTP header. With `main_content` false all text that a browser
    would show is kept, always by resiliparse. Raises ValueError for a page past the bounds of `data.html_bounds`.
    """
    html = page.encode(errors="replace") if isinstance(page, str) else to_utf8(page, declared_encoding)
    check_classes(html)
    html = html_with_script_marks(_prepared(html))
    judged = main_content and extractor == "resiliparse"
    html = without_plain_names(html, KEPT_NAMES) if judged else html
    tags = html.count(b"<")
    html = bounded(html, tags)
    tree = HTMLTree.parse(html.decode())
    check_depth(tree, tags)
    write_formulas(tree, html)
    title = " ".join((tree.title or "").split())
    if not main_content:
        return Extracted(title.replace(COMPANY, ""), _by_resiliparse(tree, html, False).replace(COMPANY, ""), Counter())
    shown = shown_characters(tree)
    if judged:
        left_out = without_boilerplate(tree, html)
        text = _by_resiliparse(tree, html, main_content=True)
    else:
        left_out, text = Counter[str](), _by_trafilatura(tree, html)
    left_out["other"] = max(0, shown - left_out.total() - characters(text))
    return Extracted(title.replace(COMPANY, ""), text.replace(COMPANY, ""), +left_out)


def to_utf8(page: bytes, declared: str | None) -> bytes:
    """`page` in UTF-8: as it is if it is that, else decoded as `declared`, as its meta element says or as detected.

    The first of these that fits all the bytes is taken; where none does, the first, with U+FFFD for what does not fit.
    """
    if page.startswith((b"\xff\xfe", b"\xfe\xff")):
        return page.decode("utf-16", errors="replace").encode(errors="replace")
    if page.startswith((b"<\0", b"\0<")):
        return page.decode("utf-16-le" if page[0] else "utf-16-be", errors="replace").encode(errors="replace")
    # A page with an escape of ISO-2022-JP, whose bytes are ASCII, is not taken for UTF-8. One byte is found faster than two.
    if b"\x1b" not in page or b"\x1b$" not in page:
        try:
            page.decode()  # other encodings hardly ever pass for UTF-8, while declarations are often wrong
        except UnicodeDecodeError:
            pass
        else:
            return page.removeprefix(b"\xef\xbb\xbf")
    names = [map_encoding_to_html5(declared, fallback_utf8=False)] if declared else []
    names += [detect_encoding(page, from_html_meta=meta) for meta in (True, False)]
    known = [name for name in names if name] or ["cp1252"]
    for name in known:
        try:
            return page.decode(name).encode(errors="replace")
        except UnicodeDecodeError:
            pass
    return page.decode(known[0], errors="replace").encode(errors="replace")


def _prepared(html: bytes) -> bytes:
    if b"/>" in html:
        html = ANCHOR.sub(b"", html)
    return LONE.sub(_accompanied, UNWANTED.sub(_what_stays, _without_plain_tags(html)))


def _accompanied(lone: re.Match[bytes]) -> bytes:
    return lone[1] + COMPANY.encode()


def _without_plain_tags(html: bytes) -> bytes:
    """`html` with the contents of `INLINE` in the place of its elements; split, as a call for each would take the longest."""
    parts = INLINE.split(html)  # text, name, attributes, content, text and so on
    for at, attributes in enumerate(parts[2::4]):
        if not _is_plain(attributes):
            name, content = parts[4 * at + 1], parts[4 * at + 3]
            parts[4 * at + 3] = b"<%b%b>%b</%b>" % (name, attributes, content, name)
    del parts[1::4]  # names
    del parts[1::3]  # attributes, which come first in each three now
    return b"".join(parts)


def _what_stays(unwanted: re.Match[bytes]) -> bytes:
    name, attributes, content, cell = unwanted.groups()
    if name is not None:
        return content if _is_plain(attributes) else unwanted[0]
    return formula_of_image(unwanted[0]) if cell is None else b"<" + cell


@lru_cache(maxsize=1 << 14)
def _is_plain(attributes: bytes) -> bool:
    """Whether the extraction treats an element inside a line with these attributes as text, wherever it is."""
    if b"math" in attributes.lower():
        return False
    # Some names count from a depth on, some only where there are cookies.
    probe = b"<!--cookies--><body><div><div><div><p>a<span" + attributes + b">b</span>c"
    return _by_resiliparse(HTMLTree.parse_from_bytes(probe), probe, main_content=True) == "abc"


def _by_resiliparse(tree: HTMLTree, html: bytes, main_content: bool) -> str:

    skipped = [SKIPPED, COOKIE_NOTICES] if b"ookie" in html else [SKIPPED]
    return extract_plain_text(tree, main_content=main_content, skip_elements=skipped)


def _by_trafilatura(tree: HTMLTree, html: bytes) -> str:
    import trafilatura  # late: it takes a quarter of a second to load, and few recipes ask for it

    check_for_trafilatura(tree, html.count(b"<"))
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # it would report every page in which it finds nothing
    return trafilatura.extract(tree.document.html if tree.document else "", include_comments=False) or ""
