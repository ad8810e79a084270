"""The classes and ids of a page: which of them resiliparse judges by, and which say that an element is no content.

Most say nothing. resiliparse tries some twenty patterns on each, which takes it most of its time, so they are taken out of the
page beforehand. What it makes of a class is found out by trying, once for each, as pages of a site have the same.
"""

import re
from functools import lru_cache

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import HTMLTree

# Words in a class or id that resiliparse may judge by, or that say the same; by the kind under which what goes is counted.
WORDS = {
    "notices": "cookie cookies consent ad ads advert advertisement sponsor sponsored promoted paid banner donate modal popup"
    " lightbox login signin signup account user log sign social socialmedia share sharedaddy sharing syndication newsletter"
    " follow email like likes feedback engagement facebook twitter subscribe search spinner",
    "navigation": "nav navigation navbar navi docnav booknav topnav bottomnav pagenav navheader navfooter navlinks menu dropdown"
    " drop breadcrumb breadcrumbs bread links link skip scroll next prev previous pagination pager permalink header head",
    "boxes": "sidebar sidebars sidebox side sticky third trends trending recommended featured popular picks related gallery"
    " carousel print logo",
    "footers": "footer foot copyright legal fcontainer",
    "hidden": "hidden invisible collapsed display nocontent expandable",
}
KINDS = {word: kind for kind, words in WORDS.items() for word in words.split()}
# These are in the way of the text, whatever they say; and what is hidden is not shown.
NEVER_TEXT = {
    "cookie",
    "cookies",
    "consent",
    "ad",
    "ads",
    "advert",
    "advertisement",
    "sponsored",
    "promoted",
    "modal",
    "popup",
}
NEVER_TEXT |= {word for word, kind in KINDS.items() if kind == "hidden"}
# A row of links called by one of these goes, too, where resiliparse does not know the name or its place.
OF_ROWS = {
    "nav",
    "navigation",
    "navbar",
    "docnav",
    "booknav",
    "topnav",
    "bottomnav",
    "pagenav",
    "navlinks",
    "pager",
    "pagination",
}
OF_ROWS |= {"breadcrumb", "breadcrumbs"}
# Elements with these words are content to resiliparse, although they may be full of links.
OF_ARTICLES = {"article", "entry", "post", "story", "content", "body", "text", "page", "main"}
# Elements with these are parts of a text, although resiliparse would drop a div of them for its links.
OF_TEXTS = {
    "admonition",
    "tip",
    "note",
    "warning",
    "important",
    "caution",
    "danger",
    "seealso",
    "example",
    "table",
    "figure",
}
OF_TEXTS |= {"informaltable", "section", "chapter", "appendix", "para", "paragraph", "footnote", "footnotes"}

ANY_WORD = frozenset(word.encode() for word in KINDS.keys() | OF_ARTICLES)
WORD = re.compile(r"[a-z]+")
WORD_OF_ID = re.compile(rb"[A-Za-z]+")
# Names of elements as they are mostly written; others are left to resiliparse.
NAMED = re.compile(rb"(<[a-zA-Z][a-zA-Z0-9]*+(?: (?:class|id)=\"[^\"<>]*+\")++)")
NAME = re.compile(rb" (class|id)=\"([^\"]*+)\"")
LONGEST_NAME = 80  # Longer names are left to resiliparse.
JUDGED = b"data-judged"  # an attribute


def without_plain_names(html: bytes, kept: frozenset[str]) -> bytes:
    """`html` without the classes and ids that say nothing, and with a mark, `JUDGED`, in elements whose names say that they may
    be no content. Classes and ids with a word of `kept` stay.
    """
    parts = NAMED.split(html)  # This and a join take less time than a call of a function for each match.
    parts[1::2] = [_without_plain(tag, kept) for tag in parts[1::2]]
    return b"".join(parts)


@lru_cache(maxsize=1 << 14)
def _without_plain(tag: bytes, kept: frozenset[str]) -> bytes:
    """What stays of `<div class="a b" id="c"`."""
    name, stay, judged = tag[: tag.index(b" ")], b"", b""
    for attribute, value in NAME.findall(tag):
        meaning = _meaning(value, kept) if attribute == b"class" else _meaning_of_id(value, kept)
        if meaning:
            stay += b' %b="%b"' % (attribute, value)
        if meaning == "judged":
            judged = b" " + JUDGED
    # A div with a name is dropped for its links up to another size, and nearer to the root, than one without.
    if not stay and name == b"<div" and OF_TEXTS.isdisjoint(WORD.findall(tag.decode(errors="replace").lower())):
        stay = b' class="-"'
    return name + stay + judged


@lru_cache(maxsize=1 << 14)
def _meaning(classes: bytes, kept: frozenset[str]) -> str:
    """Whether elements of these classes are to be "judged", or the classes only "kept"; empty where they say nothing."""
    if len(classes) > LONGEST_NAME:
        return "kept"
    name = classes.decode(errors="replace")
    words = set(WORD.findall(name.lower()))
    if words & OF_ROWS or is_judged("div", name, "") or is_judged("span", name, ""):
        return "judged"
    return "kept" if words & OF_ARTICLES or kept & set(name.split()) else ""


def _meaning_of_id(id: bytes, kept: frozenset[str]) -> str:
    """The same of an id. Most are there once, so that it would take too long to try them out: their words must do."""
    if len(id) > LONGEST_NAME:
        return "kept"
    if ANY_WORD.isdisjoint(WORD_OF_ID.findall(id.lower())):
        return "kept" if id.decode(errors="replace") in kept else ""
    return "judged"


@lru_cache(maxsize=1 << 14)
def is_judged(tag: str, classes: str, id: str) -> bool:
    """Whether resiliparse drops an element for such a name, wherever it is."""
    tag = "div" if tag == "ul" else tag
    probe = HTMLTree.parse("<body><div><div><div><div>" + f"<{tag}>a</{tag}>")
    element = probe.body.query_selector(f"div > div > div > div > {tag}") if probe.body else None
    if element is None:
        return False  # a part of a table or the like, which stands nowhere else
    element.class_name, element.id = classes, id
    return not extract_plain_text(probe, main_content=True)
