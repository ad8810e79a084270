"""Superscripts and subscripts: what keeps 10<sup>9</sup> from becoming 109 when its tags go."""

import re
from html import unescape

# Where the text is made piece by piece, these stand for the tags until what is beside them is known.
RAISED, LOWERED, END = "\2", "\3", "\4"
SCRIPT = re.compile(f"([{RAISED}{LOWERED}])([^{RAISED}-{END}]*+){END}")
MARKERS = re.compile(f"[{RAISED}-{END}]")

# The same as elements of HTML, which hold no others of them.
SCRIPT_ELEMENT = re.compile(rb"<(su[pb])(\s[^<>]*+)?>((?:[^<]++|<(?!/?su[pb]\b))*+)</\1\s*+>", re.IGNORECASE)
TAG = re.compile(r"<[^<>]*+>")
INLINE_TAG = re.compile(
    rb"</?(?:a|abbr|b|bdi|cite|code|em|font|i|mark|small|span|strong|su[bp]|tt|u|var)\b[^<>]*+>", re.IGNORECASE
)
OF_A_NOTE = re.compile(rb"href=[\"']?[^\"'<>\s]*#|\b(?:foot)?(?:note|reference|fnref|cite_ref|noteref)", re.IGNORECASE)
LINK_BEFORE = re.compile(rb"<a\s[^<>]*+>\s*+\Z")
BESIDE = 16  # So many bytes beside a script are looked at.
LONGEST_TAG = 500

SIGNS = "-+−–±"
# After a letter or a bracket a sign with something behind it makes an exponent (m<sup>-1</sup>); a sign alone is a charge.
SIGNED = re.compile(rf"[{SIGNS}]\s*+\w")
ORDINAL = re.compile(r"(?:[a-z]{2,}|[eaoºª])\.?")  # 4<sup>th</sup>, 2<sup>e</sup>
EXPONENT = re.compile(r"\(?[a-zA-Zα-ω](?![^\W\d_])")  # 2<sup>n+1</sup>, but not the TM of a trade mark
NOTE = re.compile(r"\w{1,3}(?:\s*+,\s*+\w{1,3})*+")  # the mark of a note, of which several may stand together


def with_script_marks(text: str) -> str:
    """`text` with what `script_marks` says in the place of the markers of tags."""
    if END not in text:
        return text if MARKERS.search(text) is None else MARKERS.sub("", text)
    return MARKERS.sub("", SCRIPT.sub(_marked, text))


def _marked(script: re.Match[str]) -> str:
    before = script.string[max(0, script.start() - 2) : script.start()].rstrip(END)
    after = script.string[script.end() : script.end() + 1]
    prefix, suffix = script_marks(script[1] == RAISED, before, unescape(script[2][:100]), after)
    return prefix + script[2] + suffix


def html_with_script_marks(html: bytes) -> bytes:
    """A page with marks before and behind its superscripts and subscripts, and brackets around marks of notes."""
    if b"<su" not in html and b"<SU" not in html:
        return html
    parts, done = [], 0
    for script in SCRIPT_ELEMENT.finditer(html):
        name, attributes, content = script.groups()
        text = unescape(TAG.sub("", content[:LONGEST_TAG].decode(errors="replace")))
        around = LINK_BEFORE.search(html, max(0, script.start() - LONGEST_TAG), script.start())
        beginning = (attributes or b"")[:LONGEST_TAG] + content[:LONGEST_TAG]
        if OF_A_NOTE.search(beginning + (around[0] if around else b"")):
            prefix, suffix = note_marks(text)
        else:
            before, after = _text_before(html, script.start()), _text_after(html, script.end())
            prefix, suffix = script_marks(name.lower() == b"sup", before, text, after)
        parts += [html[done : script.start()], prefix.encode(), script[0], suffix.encode()]
        done = script.end()
    return b"".join([*parts, html[done:]])


def _text_before(html: bytes, at: int) -> str:
    """The end of the text before a place, inside the same block."""
    while html[at - 1 : at] == b">":
        begin = html.rfind(b"<", max(0, at - LONGEST_TAG), at)
        if begin < 0 or INLINE_TAG.fullmatch(html, begin, at) is None:
            return ""
        at = begin
    return unescape(html[max(0, at - BESIDE) : at].decode(errors="replace"))


def _text_after(html: bytes, at: int) -> str:
    while (tag := INLINE_TAG.match(html, at)) and not tag[0].lower().startswith((b"<sub", b"<sup")):
        at = tag.end()
    return unescape(html[at : at + BESIDE].decode(errors="replace"))


def script_marks(raised: bool, before: str, content: str, after: str) -> tuple[str, str]:
    """What to write before and behind a superscript, or with `raised` false a subscript, so that its text means the same.

    `before` and `after` are the text beside it, of which a character or two are looked at; what is lowered after a letter
    (H2O) and raised as an ordinal (4th) or a unit's power (m2) is as readable without.
    """
    text, base = content.strip(), before[-1:]
    if not text or base.isspace() or not base:
        return "", ""
    behind = " " if text[-1].isdigit() and after[:1].isdigit() else ""
    if raised and base.isdigit() and text.isdigit() and after[:1] in ("/", "⁄"):
        return " ", ""  # 1<sup>1</sup>/<sub>2</sub>
    if base.isdigit():
        if text[0].isdigit():
            return "^" if raised else "_", behind
        if raised and not ORDINAL.fullmatch(text) and (EXPONENT.match(text) or SIGNED.match(text)):
            return "^", behind
    elif raised and SIGNED.match(text) and (base.isalpha() or base in ")]"):
        return "^", behind
    elif not raised and behind and base.isalpha():
        return "_", behind  # log<sub>2</sub>8
    return "", behind


def note_marks(content: str) -> tuple[str, str]:
    """What to write around the mark of a note, so that it is no part of the word or the number before it."""
    return ("[", "]") if NOTE.fullmatch(content.strip()) else ("", "")
