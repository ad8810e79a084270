"""What a page may cost: shapes that would take an HTML parser or an extractor time or memory out of proportion.

All the checks take time in proportion to the page, and most pages are through with the first comparison.
"""

import re
from collections import Counter

from resiliparse.parse.html import HTMLTree

MAX_TAGS = 1_000_000  # Start tags and end tags in a page; so many make a tree of about 0.5 GB.
MAX_ATTRIBUTES = 256  # An element may have so many.
MAX_DEPTH = 512  # Elements may be nested so deep; browsers cut there, too.

# Finding the main content takes steps in proportion to elements times depth: with few tags any depth will do.
FEW_TAGS = 3000
TOO_DEEP = " > ".join("*" * (MAX_DEPTH + 1))  # a selector
TRAFILATURA_TAGS = (
    30_000  # its time grows with the square of the elements of some kinds: 7,500 lists take 5 s, 20,000 take 150
)
LXML_DEPTH = 250  # lxml, which trafilatura reads with, leaves out what is deeper than 256
TOO_DEEP_FOR_LXML = " > ".join("*" * (LXML_DEPTH + 1))

# The parser, too, goes through the open elements at many tags. With many tags their depth is estimated beforehand, from
# all elements but those without content and those that end where the next one begins.
MANY_TAGS = 20_000
TAG_NAME = re.compile(
    rb"<(/?)(?!(?:a|area|base|br|col|dd|dt|embed|hr|img|input|li|link|meta|option|p|param|source|tbody|td|tfoot|th|thead|tr"
    rb"|track|wbr)(?![a-zA-Z0-9]))([a-zA-Z][a-zA-Z0-9]*+)",
    re.IGNORECASE,
)

# The parser compares every attribute with those before it: time grows with the square of their number. Only a tag that
# is long, or that has ">" in a quoted value so that its end is not the next ">", can have many.
SMALL_PAGE = 10_000  # bytes: 3,000 attributes take 0.2 s
LONG_TAG = re.compile(rb"<[a-zA-Z][^>]{1000}")
QUOTED_END = re.compile(rb"=[\t\n\f\r ]*+(?:\"[^\">]*+>|'[^'>]*+>)")
ATTRIBUTE = rb"""
    [\t\n\f\r /]*+ [^\t\n\f\r />] [^\t\n\f\r />=]*+
    (?: [\t\n\f\r ]*+ = [\t\n\f\r ]*+ (?: "[^"]*+" | '[^']*+' | [^\t\n\f\r >]*+ ) )?+
"""
START_TAG = re.compile(rb"<(?=[a-zA-Z])")
ATTRIBUTES = re.compile(
    rb"<[^\t\n\f\r />]*+ (?:%b){0,%d}+ (?P<more>%b)?+" % (ATTRIBUTE, MAX_ATTRIBUTES, ATTRIBUTE), re.VERBOSE
)
SCANS = 50  # The scans may look at so many times the page's bytes; an ordinary page takes one scan.

# What an element is depends on its class: each takes 0.07 ms to find out, or twice that.
LARGE_PAGE = 300_000  # bytes: 20,000 classes
MAX_CLASSES = 20_000
CLASS = re.compile(rb" class=\"([^\"]{1,80}+)\"")

# Elements of these kinds that are left open are opened again in every paragraph that follows: their number times that
# of the tags is what the tree may grow to. Renamed to span they are opened once, and the text is the same.
FORMATTING = re.compile(
    rb"<[bcefistuBCEFISTU](?=[\s/>iomtIOMT])(?i:|ig|ode|m|ont|mall|trike|trong|t)(?=[\s/>])"  # a fast test, then exact
)
FORMATTING_NAME = re.compile(rb"(</?)(?:b|big|code|em|font|i|s|small|strike|strong|tt|u)(?=[\s/>])", re.IGNORECASE)
MAX_REOPENED = 2_000_000  # Elements that may be opened again; so many take 0.7 GB.


def check_classes(html: bytes) -> None:
    """Raise ValueError when there are too many different classes."""
    if len(html) > LARGE_PAGE and len(set(CLASS.findall(html))) > MAX_CLASSES:
        raise ValueError(f"the page has more than {MAX_CLASSES} classes")


def bounded(html: bytes, tags: int) -> bytes:
    """`html`, with `tags` tags, as it may be parsed. Raises ValueError for a page past these bounds."""
    if tags > MAX_TAGS:
        raise ValueError(f"the page has {tags} tags, more than {MAX_TAGS}")
    if len(html) > SMALL_PAGE and (LONG_TAG.search(html) or QUOTED_END.search(html)):
        _check_attributes(html)
    if tags * tags // 4 > MAX_REOPENED and tags * len(FORMATTING.findall(html)) > MAX_REOPENED:
        html = FORMATTING_NAME.sub(rb"\1span", html)
    if tags > MANY_TAGS:
        _check_open(html)
    return html


def check_depth(tree: HTMLTree, tags: int) -> None:
    """Raise ValueError when `tree`, of a page with `tags` tags, is too large and too deep at once."""
    if tags > FEW_TAGS and tree.document is not None and tree.document.query_selector(TOO_DEEP) is not None:
        raise ValueError(f"elements are nested more than {MAX_DEPTH} deep")


def check_for_trafilatura(tree: HTMLTree, tags: int) -> None:
    """Raise ValueError when `tree`, of a page with `tags` tags, is too large for trafilatura, or too deep."""
    if tags > TRAFILATURA_TAGS:
        raise ValueError(f"the page has {tags} tags, more than the {TRAFILATURA_TAGS} that trafilatura can do in time")
    if tree.document is not None and tree.document.query_selector(TOO_DEEP_FOR_LXML) is not None:
        raise ValueError(f"elements are nested more than {LXML_DEPTH} deep, which trafilatura cannot read")


def _check_attributes(html: bytes) -> None:
    left = SCANS * len(html)
    for tag in START_TAG.finditer(html):
        scanned = ATTRIBUTES.match(html, tag.start())
        assert scanned is not None  # a start tag matches without attributes
        left -= scanned.end() - scanned.start()
        if scanned["more"] is not None:
            raise ValueError(f"an element has more than {MAX_ATTRIBUTES} attributes")
        if left < 0:
            raise ValueError("the page has tags in tags without end")


def _check_open(html: bytes) -> None:
    """Raise ValueError when too many elements are open at once, going by the names of start and end tags alone."""
    opened: Counter[bytes] = Counter()
    depth = 0
    for end, name in TAG_NAME.findall(html):
        if not end:
            opened[name] += 1
            depth += 1
            if depth > MAX_DEPTH:
                raise ValueError(f"elements are nested more than {MAX_DEPTH} deep")
        elif opened[name]:
            opened[name] -= 1
            depth -= 1
