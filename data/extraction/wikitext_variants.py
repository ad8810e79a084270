"""`-{…}-`, with which wikis of languages with several scripts or spellings write what differs between these.

https://www.mediawiki.org/wiki/Writing_systems/Syntax has the forms: a text as it is, rules such as `zh-cn:软件;zh-tw:軟體`, and
flags before a bar.
"""

import re

# The languages of MediaWiki's converters: in other wikis -{ and }- are text.
LANGUAGES = frozenset(
    ["ban", "crh", "gan", "iu", "kk", "ku", "mni", "sh", "shi", "sr", "tg", "tly", "uz", "wuu", "zgh", "zh"]
)
MAX_DEPTH = 3  # Choices may be nested so deep.
MARKUP = re.compile(r"-\{([^{}]*+)\}-")
CODE = r"[a-z]{2,3}(?:-[a-z]{2,8})*+"
FLAG = re.compile(rf"\s*+(?:[A-Z-]|{CODE})?\s*+")
NOT_SHOWN = frozenset("HTN-")  # a rule for the rest of the page, or one less; a title; a language's name
RULE = re.compile(rf"(?:^|;)\s*+(?:[^;:=]*+=>\s*+)?{CODE}\s*+:")


def with_first_variants(text: str) -> str:
    """`text` with the first that is written of each choice between variants, and without rules that show nothing."""
    for _ in range(MAX_DEPTH if "-{" in text else 0):
        text = MARKUP.sub(lambda markup: _first_variant(markup[1]), text)
    return text


def _first_variant(content: str) -> str:
    head, bar, shown = content.partition("|")
    flags = head.split(";")
    if not (bar and all(map(FLAG.fullmatch, flags))):
        shown = content
    elif not NOT_SHOWN.isdisjoint(map(str.strip, flags)):
        return ""
    rules = [part.strip() for part in RULE.split(shown)]
    # Text before the first rule means that this is no list of rules.
    return rules[1] if len(rules) > 1 and not rules[0] else shown
