"""The tags that wikitext may hold, by what becomes of them, and its comments."""

import re

GONE = "\1"  # stands where something was left out
TAG_NAME = re.compile(r"</?([A-Za-z][^\s/>]*)")
COMMENT_OR_TAG = re.compile(r"<(?:!--|([A-Za-z][^\s/<>]*+)[^<>]*+>)")


def names(words: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(words.split())


# Tags by their treatment: some are removed with their content, some keep their content as it is, some become a line break,
# and of some only the content stays. Any other tag is text.
DROPPED_TAGS = names(
    "ref references gallery timeline imagemap score graph mapframe maplink templatedata templatestyles table includeonly "
    "indicator categorytree inputbox hiero"
)
LEFT_OUT_TAGS = {
    "ref": "notes and marks",
    "references": "notes and marks",
    "table": "tables",
    "gallery": "files and categories",
}
RAW_TAGS = names("nowiki math chem ce pre code source syntaxhighlight")
BREAKING_TAGS = names("br hr p div blockquote center poem li ul ol dl dd dt h1 h2 h3 h4 h5 h6")
INLINE_TAGS = names(
    "a abbr b bdi bdo big cite data del dfn em font i ins kbd mark noinclude onlyinclude q rb rp rt ruby s samp section "
    "small span strike strong time translate tt tvar u var wbr"
)
END_OF_TAG = {name: re.compile(rf"</{name}\s*>", re.IGNORECASE) for name in DROPPED_TAGS | RAW_TAGS}
EXTENSION_TAGS = END_OF_TAG.keys() - {"table", "code"}  # MediaWiki finds these and comments before all other markup.


def without_comments(text: str) -> str:
    """The text without its comments; within extension tags they are text, and tags within comments are comments."""
    parts, begin, position = [], 0, 0
    never_closed: set[str] = set()
    while match := COMMENT_OR_TAG.search(text, position):
        position = match.end()
        name = match[1] and match[1].lower()
        if name is None:
            before = text[begin : match.start()]
            parts += [before, GONE] if before.rstrip(" \t").endswith("(") else [before]
            end = text.find("-->", position)
            begin = position = end + 3 if end >= 0 else len(text)  # without an end to that of the page, as in MediaWiki
        elif name in EXTENSION_TAGS and (close := end_of_tag(name, match[0], text, position, never_closed)):
            position = close.end()
    return "".join([*parts, text[begin:]])


def end_of_tag(name: str, tag: str, source: str, position: int, never_closed: set[str]) -> re.Match[str] | None:
    """The end of what `tag`, which ends at `position`, sets apart; `never_closed` are names without an end tag after that."""
    if tag.endswith("/>") or name in never_closed:
        return None
    end = END_OF_TAG[name].search(source, position)
    if end is None:
        never_closed.add(name)
    return end
