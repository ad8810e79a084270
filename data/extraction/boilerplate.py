"""What of a page is no content, judged by what stands in an element and not by its name alone.

resiliparse takes an element for navigation, a box of links or a footer by words in its class or id, wherever these stand: an id
that a generator made of a heading (`related-work`) takes the whole section with it. So an element that it would drop is looked at
first: prose stays, a row or a list of links goes, and what goes is counted by kind. Names are also too little: a row of links to
the previous and the next page goes whatever it is called.
"""

import re
from collections import Counter
from functools import cached_property, lru_cache
from html import unescape

from resiliparse.parse.html import DocumentNode, ElementNode, HTMLTree

from data.extraction.html_names import JUDGED, KINDS, NEVER_TEXT, OF_ROWS, WORD, is_judged

MOST_ELEMENTS = 20_000  # So many elements of a page are looked at; to find out about one may take 0.1 ms.
MOST_LOOKED_AT = 50  # Elements that stand in one another are looked at for so many times the size of the page.

# Selector of what is looked at. What is in a nav goes with it. That an element has an attribute is asked before its value, as
# this is faster.
FURNITURE = ", ".join((
    *(f"[{JUDGED.decode()}]", "ul", "nav", "aside", "[hidden]", '[aria-hidden]:is([aria-hidden="true"])'),
    '[style]:is([style*="display:none"], [style*="display: none"])',
    'a[rel]:is([rel="prev"], [rel="previous"], [rel="next"], [rel="up"])',
    'a[accesskey]:is([accesskey="p"], [accesskey="n"])',
))  # fmt: skip
FURNITURE = f":is({FURNITURE}):not(nav *)"
# Links to the pages before and after this one, as HTML's own words and Texinfo have them.
TO_NEIGHBOURS = frozenset(("prev", "previous", "next", "up", "p", "n"))
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
NO_ROWS = frozenset((*HEADINGS, "html", "body", "main", "article", "section"))
TEXT_ELEMENTS = frozenset(("p", "pre", "blockquote", "dl", "ol", "table", "figure"))
BLOCKS = "div, p, section, article, ul, table, h1, h2, h3"
NEAR = 3  # elements
LEAST_TEXT = 10  # characters with which a paragraph begins, if it is no p
# Lists with at most two elements between them and the body are dropped for their place.
SHALLOW_LISTS = "body > ul, body > * > ul, body > * > * > ul"
UNSHOWN = "script, style, template, noscript"
FIELD = re.compile("<(?:form|input|button|textarea|select)[ >]")
LINK = re.compile("<a [^<>]*?href=[^<>]*+>([^<]*+(?:<(?!/a>)[^<]*+)*+)")
MARKUP = re.compile("<[^<>]*+>")

# Measures of an element, in characters that are no white space.
LEAST_PROSE = 60  # Text outside links that may be prose: a short sentence.
LONG_PROSE = 200  # The same where the name speaks against it: more than a line of copyright has.
MOST_OF_A_ROW = 80  # A row of links has at most so much text outside them ("Next: , Previous: , Up:").
LONGEST_ROW = 400
LINKS_IN_PROSE = 0.4  # of the characters of prose may be links
LINKS_OF_RESILIPARSE = 0.2  # A list with a larger share of links is dropped by it.
LINKS_IN_LISTS = 0.6  # of the characters of a list of the article may be links
LEAST_ITEM = 4  # Its items have so much text beside the links, on average: more than a number in brackets.
MOST_CLIMBED = 6  # A link stands so deep in its row.


class _Measured:
    """An element with what is measured of it: characters of text, of links, and so of the text outside them."""

    def __init__(self, element: ElementNode) -> None:
        self.element = element
        self.looked_at = 0  # characters

    @cached_property
    def text(self) -> int:
        size = characters(self.element.text)
        self.looked_at += size
        return size

    @cached_property
    def html(self) -> str:
        found = self.element.html
        self.looked_at += len(found)
        return found

    @cached_property
    def links(self) -> list[str]:
        # Elements of the tree are slow to ask one by one, so the links are looked for in what was written.
        return LINK.findall(self.html)

    @cached_property
    def own(self) -> int:
        return max(0, self.text - characters(unescape(MARKUP.sub("", "".join(self.links)))))

    def is_prose(self, least: int) -> bool:
        width = (
            1 if self.html.isascii() else len(self.html.encode()) / len(self.html)
        )  # a character of Chinese says as much as three
        return self.own * width >= least and self.own > (1 - LINKS_IN_PROSE) * self.text

    def is_row(self) -> bool:
        return self.text <= LONGEST_ROW and bool(self.links) and self.own <= MOST_OF_A_ROW


def without_boilerplate(tree: HTMLTree, html: bytes) -> Counter[str]:
    """Take out of `tree`, that of the page `html`, what is no content, and see to it that resiliparse leaves content in.

    The page has been through `without_plain_names`.

    Returns the characters of text that went, by kind, white space not counted.
    """
    left_out: Counter[str] = Counter()
    document = tree.document
    if document is None:
        return left_out
    found = document.query_selector_all(FURNITURE).values()
    left = MOST_LOOKED_AT * len(html)
    gone = None
    for element in found[:MOST_ELEMENTS]:
        if gone is not None and gone.contains(element):
            continue
        measured = _Measured(element)
        kind = _kind_to_leave_out(document, element, measured)
        if kind is None and element.tag == "a" and _leads_to_a_neighbour(element):
            row, looked_at = _row_around(element)
            left -= looked_at
            if row is not None:
                kind, element = "navigation", row
        if kind is not None:
            gone = element
            left_out[kind] += characters(element.text)
            element.remove()
        left -= measured.looked_at
        if left < 0:
            break
    if document.get_elements_by_tag_name("ul"):  # found much faster than by their place
        for element in document.query_selector_all(SHALLOW_LISTS).values():
            _move_down(document, element)
    return left_out


def _kind_to_leave_out(document: DocumentNode, element: ElementNode, measured: _Measured) -> str | None:
    """The kind under which `element` is left out; None where it stays, then changed so that resiliparse lets it through."""
    tag = element.tag or ""
    if tag == "nav":
        return "navigation"
    if (
        element.has_attribute("hidden")
        or element.getattr("aria-hidden") == "true"
        or _is_hidden(element.getattr("style"))
    ):
        return "hidden"
    classes, id = element.class_name or "", element.id or ""
    if (classes or id) and (words := _telling_words(f"{classes} {id}")):
        kind = KINDS[words[0]]
        if is_judged(tag, classes, id):
            if not _is_content(element, tag, words, measured):
                return kind
            _without_names(element)
        elif not OF_ROWS.isdisjoint(words) and tag not in NO_ROWS and measured.is_row():
            return kind
    if tag == "ul":
        return _kind_of_list(document, element, measured)
    if tag == "aside":
        if not (measured.is_prose(LEAST_PROSE) and _is_beside_text(element)):
            return "boxes"
        _renamed(document, element)
    return None


@lru_cache(maxsize=1 << 12)
def _telling_words(names: str) -> tuple[str, ...]:
    """The words in the names of an element that have a kind, in their order."""
    return tuple(word for word in WORD.findall(names.lower()) if word in KINDS)


def _is_hidden(style: str | None) -> bool:
    return "display:none" in (style or "").replace(" ", "")


def _is_content(element: ElementNode, tag: str, words: tuple[str, ...], measured: _Measured) -> bool:
    """Whether an element that has `words` in its name is content nevertheless."""
    if tag in HEADINGS or tag == "dt":
        return not _telling_words(element.class_name or "")  # an id of a heading was made of its text
    if not NEVER_TEXT.isdisjoint(words) and not (element.id and _slug(element.id) == _slug(_own_heading(element))):
        return False
    heading = _own_heading(element)
    if heading and measured.is_prose(LONG_PROSE):
        return FIELD.search(measured.html) is None
    if heading and element.id and _slug(element.id) == _slug(heading):
        return measured.is_prose(LEAST_PROSE) and FIELD.search(measured.html) is None
    named = {KINDS[word] for word in words}
    return named <= {"boxes", "navigation"} and measured.is_prose(LEAST_PROSE) and _is_beside_text(element)


def _own_heading(element: ElementNode) -> str:
    """The text of the heading that an element begins with; empty where it has none."""
    first = element.first_element_child
    while first is not None and first.tag not in HEADINGS:
        first = first.first_element_child if first.tag in ("div", "header", "section") else first.next_element_sibling
    return "" if first is None else first.text or ""


def _slug(text: str) -> str:
    return "".join(filter(str.isalnum, text.lower()))


def _is_beside_text(element: ElementNode) -> bool:
    """Whether there is a paragraph or the like near `element`, as there is of a box in a text, not of a column beside it."""
    before: ElementNode | None = element
    after: ElementNode | None = element
    for _ in range(NEAR):
        before = before and before.previous_element_sibling
        after = after and after.next_element_sibling
        if any(sibling is not None and _is_paragraph(sibling) for sibling in (before, after)):
            return True
    return False


def _is_paragraph(element: ElementNode) -> bool:
    if element.tag in TEXT_ELEMENTS:
        return True
    if element.tag != "div" or element.first_child is None:
        return False
    begins_with_text = element.first_child.tag == "#text" and characters(element.first_child.text) > LEAST_TEXT
    return (begins_with_text or element.query_selector(BLOCKS) is None) and _Measured(element).is_prose(LEAST_PROSE)


def _kind_of_list(document: DocumentNode, element: ElementNode, measured: _Measured) -> str | None:
    """The kind under which a list goes; links in one that stays become text where resiliparse would take it for one of links."""
    if not measured.links or measured.own >= (1 - LINKS_OF_RESILIPARSE) * measured.text:
        return None
    if measured.own < (1 - LINKS_IN_LISTS) * measured.text or measured.own < LEAST_ITEM * measured.html.count("<li"):
        return "lists of links"
    for link in element.query_selector_all("a").values():
        link.replace_with(document.create_text_node(link.text or ""))
    return None


def _leads_to_a_neighbour(link: ElementNode) -> bool:
    return link.getattr("rel") in TO_NEIGHBOURS or link.getattr("accesskey") in TO_NEIGHBOURS


def _row_around(link: ElementNode) -> tuple[ElementNode | None, int]:
    """The largest element around `link` that is a row of links, None where it stands in a text or alone; and how many characters
    were looked at for that."""
    row, around, looked_at = None, link.parent_element, 0
    for _ in range(MOST_CLIMBED):
        if around is None or around.tag in NO_ROWS:
            break
        measured = _Measured(around)
        is_row = measured.is_row()
        looked_at += measured.looked_at
        if not is_row:
            break
        row, around = around, around.parent_element
    return row, looked_at


def _move_down(document: DocumentNode, element: ElementNode) -> None:
    """Move an element three elements away from the root."""
    outer, middle, inner = (document.create_element("div") for _ in range(3))
    element.before(outer)
    outer.append(middle)
    middle.append(inner)
    inner.append(element)


def _without_names(element: ElementNode) -> None:
    for attribute in ("class", "id"):
        if element.has_attribute(attribute):
            element.remove_attribute(attribute)


def _renamed(document: DocumentNode, element: ElementNode) -> None:
    """Put a div in the place of `element`, with what is in it."""
    other = document.create_element("div")
    element.before(other)
    other.append(*element.child_nodes.values())
    element.remove()


def characters(text: str | None) -> int:
    """The characters of `text` that are no white space."""
    if not text:
        return 0
    content = text.encode()
    return len(text) - (len(content) - len(content.translate(None, b" \t\n\v\f\r")))


def shown_characters(tree: HTMLTree) -> int:
    """The characters of text in a page that are no white space."""
    if tree.body is None:
        return 0
    unshown = tree.body.query_selector_all(UNSHOWN).values()
    return characters(tree.body.text) - sum(characters(element.text) for element in unshown)
