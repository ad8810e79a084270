"""Wikitext to readable text: headings, paragraphs and lists stay; templates, tables, references and files go.

One pass over the markup with a stack, as MediaWiki's preprocessor works
(https://www.mediawiki.org/wiki/Preprocessor_ABNF): an end matches only what was opened last, and what is never closed
is text. Nothing is expanded: the text of a template is not in the page, so templates leave nothing behind, but for
those that only dress up what they are given. What is left out is counted by kind.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from html import unescape
from itertools import pairwise
from typing import NamedTuple

from data.extraction.scripts import END, LOWERED, RAISED, with_script_marks
from data.extraction.wikitext_functions import function_value
from data.extraction.wikitext_lines import readable_lines
from data.extraction.wikitext_tags import (
    BREAKING_TAGS,
    DROPPED_TAGS,
    END_OF_TAG,
    GONE,
    INLINE_TAGS,
    LEFT_OUT_TAGS,
    RAW_TAGS,
    TAG_NAME,
    end_of_tag,
    names,
    without_comments,
)
from data.extraction.wikitext_templates import likely_text, template_text
from data.extraction.wikitext_variants import LANGUAGES, with_first_variants

MAX_DEPTH = 100  # Markup may be nested so deep; the work is bounded by characters times depth.
FILES_AND_CATEGORIES = frozenset({"file", "image", "media", "category"})  # The English names hold in every wiki.


MAGIC_WORDS = names(
    "NOTOC FORCETOC TOC NOEDITSECTION NEWSECTIONLINK NONEWSECTIONLINK NOGALLERY HIDDENCAT EXPECTUNUSEDCATEGORY "
    "EXPECTUNUSEDTEMPLATE INDEX NOINDEX NOGLOBAL STATICREDIRECT DISAMBIG ARCHIVEDTALK NOTALK NOTITLECONVERT NOTC "
    "NOCONTENTCONVERT NOCC"
)
TOKEN = re.compile(
    r"</?[A-Za-z][^<>]*+>"
    r"|^[ \t:]*+\{\||^[ \t]*+\|\}(?!\})"  # a table begins, ends
    r"|\{{2,}|\}{2,}|\[\[|\]\]"
    r"|\[(?i:(?:(?:https?|ftps?|sftp|ssh|git|svn|gopher|telnet|nntp|ircs?|mms):)?//"
    r"|(?:mailto|news|tel|sips?|xmpp|urn|magnet|geo):)[^\s\[\]<>]*+|\]"  # a link to another site
    rf"|\||'{{2,}}|__(?:{'|'.join(sorted(MAGIC_WORDS))})__|^__[A-Z]+__[ \t]*+$",  # alone on a line in any language
    re.MULTILINE,
)


ENTITY = re.compile(r"&(?:[A-Za-z][A-Za-z0-9]{1,31}|#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6});")
# A link to the page in another language, by its code; not the prefixes of other kinds that are as short.
INTERLANGUAGE = re.compile(r"(?!(?:doi|mod|re|rfc|voy):)[a-z]{2,3}(?:-[a-z-]+)?:")
NOWIKI = re.compile(r"</?nowiki\s*+/?>", re.IGNORECASE)
OURS = re.compile(f"[\0-{END}]")  # the characters that stand for something here
# A template with such text before it on its line, or such behind it, stands in a sentence.
SENTENCE_BEFORE, SENTENCE_BEHIND = re.compile(r"[\w,%)\"”»’]\s\Z"), re.compile(r"[ \xa0][^\W\d_A-Z]")
END_OF_WORD = re.compile(r"[\s,.;:!?)\"”»’/–-]|\Z")
# What a removal leaves behind: a pronunciation in brackets, two spaces, a space before a full stop.
LEFT_OVER = [
    (re.compile(r" \([\s,;:]*+\x01[\s,;:\x01]*+\)"), ""),
    (re.compile(r" \([ \t]*+\x01[ \t,;:\x01]*+"), " ("),
    (re.compile(GONE), ""),
    (re.compile(r"[ \t]{2,}"), " "),
    (re.compile(r" ([,.)])(?=\s|$)"), r"\1"),
]
BLANK_LINES = re.compile(r"\n{3,}")
KEPT = re.compile("\0([0-9]+)\0")


@dataclass(slots=True)
class Frame:
    """Markup that is not closed yet; `opened` is the text that opened it, empty for the page itself."""

    kind: str
    opened: str
    pieces: list[str] = field(default_factory=list)
    bars: list[int] = field(default_factory=list)  # places in `pieces` of the | that separate arguments

    def arguments(self) -> list[str]:
        """The arguments, which are the text between the bars."""
        edges = [-1, *self.bars, len(self.pieces)]
        return ["".join(self.pieces[before + 1 : after]) for before, after in pairwise(edges)]


class Plain(NamedTuple):
    """A page in plain text."""

    text: str
    left_out: Counter[str]  # characters of wikitext that are not in the text, by what they were in


def wikitext_to_text(
    wikitext: str, dropped_namespaces: frozenset[str] = FILES_AND_CATEGORIES, language: str | None = None
) -> str:
    """The readable text of a page: see `plain`."""
    return plain(wikitext, dropped_namespaces, language).text


def plain(
    wikitext: str, dropped_namespaces: frozenset[str] = FILES_AND_CATEGORIES, language: str | None = None
) -> Plain:
    """The readable text of a page: headings, paragraphs and lists between blank lines.

    Links into `dropped_namespaces` (in lower case; files and categories by the names that the wiki has for them) are left
    out. Of texts in several variants of `language`, a code, the first is taken. Raises ValueError for markup that is open
    more than MAX_DEPTH deep.
    """
    source = OURS.sub("", wikitext)
    page = _Page(without_comments(source), dropped_namespaces)
    text = page.text()
    text = ENTITY.sub(_space, text).replace("\xa0", " ")
    text = with_first_variants(text) if language in LANGUAGES else text
    for pattern, replacement in LEFT_OVER:
        text = pattern.sub(replacement, text)
    text = BLANK_LINES.sub("\n\n", with_script_marks(readable_lines(text)))
    # Other entities come last: they are often written where the character itself would be markup.
    text = KEPT.sub(lambda place: _unescape(page.kept[int(place[1])]), _unescape(text)).strip()
    page.left_out["comments"] += len(source) - page.size
    return Plain(text, +page.left_out)


def _space(entity: re.Match[str]) -> str:
    return " " if unescape(entity[0]).isspace() else entity[0]


def _unescape(text: str) -> str:
    return ENTITY.sub(lambda entity: unescape(entity[0]), text)  # one by one, as unescape fails on long numbers


class _Page:
    """The pass over a page's markup."""

    def __init__(self, source: str, dropped_namespaces: frozenset[str]) -> None:
        self.source = source
        self.size = len(source)
        self.dropped_namespaces = dropped_namespaces
        self.position = 0
        self.stack = [Frame("", "")]
        self.kept: list[str] = []  # text that no later step may touch; \0number\0 stands in its place
        self.never_closed: set[str] = set()  # names of tags without an end tag in the rest of the page
        self.left_out: Counter[str] = Counter()

    def text(self) -> str:
        """The text without inline markup; what is in `kept` has to be put in."""
        while match := TOKEN.search(self.source, self.position):
            if match.start() > self.position:
                self.stack[-1].pieces.append(self.source[self.position : match.start()])
            self.position = match.end()
            self._take(match[0])
        rest = self.source[self.position :]
        pieces = [piece for frame in self.stack for piece in (frame.opened, *frame.pieces)]
        return "".join([*pieces, rest])

    def _take(self, token: str) -> None:
        top = self.stack[-1]
        match token.lstrip(" \t:")[:2]:
            case "|":
                if top.kind:
                    top.bars.append(len(top.pieces))
                top.pieces.append(token)
            case "{{" if len(token) <= MAX_DEPTH:
                self._open("{{", token)
            case "{|" | "[[" as kind:
                self._open(kind, token)
            case kind if kind[0] == "[":
                if top.kind == "[":  # links cannot be nested, so the outer one was never closed
                    self._give_up()
                self._open("[", token)
            case "}}":
                self._end_braces(len(token))
            case "]]" if top.kind == "[":
                self.position -= 1  # of `[http://a [b]]` the second ] is another token
                self._end_site_link()
            case "]]" if self._reach("[[", through="[{|"):
                self._end_link()
            case "|}" if self._reach("{|", through="[["):
                self._leave_out("tables", self.stack.pop())
            case "]" if top.kind == "[":
                self._end_site_link()
            case "''":
                top.pieces.append("'" if len(token) == 4 else "'" * (len(token) - 5))
            case "__":
                pass
            case _ if token.startswith("<"):
                self._tag(token)
            case _:
                top.pieces.append(token)

    def _open(self, kind: str, token: str) -> None:
        if len(self.stack) > MAX_DEPTH:
            raise ValueError(f"markup is nested more than {MAX_DEPTH} deep")
        self.stack.append(Frame(kind, token))

    def _give_up(self) -> None:
        """The innermost frame will not be closed: it is text of the one around it."""
        frame, parent = self.stack.pop(), self.stack[-1]
        parent.pieces.append(frame.opened)
        parent.bars += [len(parent.pieces) + bar for bar in frame.bars] if parent.kind else []
        parent.pieces += frame.pieces

    def _reach(self, kind: str, through: str) -> bool:
        """Whether a frame of `kind` is open, with no others above it than those that its end overrides (given up here)."""
        for above, frame in enumerate(reversed(self.stack)):
            if frame.kind == kind:
                for _ in range(above):
                    self._give_up()
                return True
            if not frame.kind or frame.kind not in through:
                return False
        return False

    def _end_braces(self, closing: int) -> None:
        """Templates and, with three braces, their parameters; braces that one end leaves open wait for the next."""
        while closing >= 2 and self._reach("{{", through="[{|"):
            frame = self.stack.pop()
            opening = len(frame.opened)
            used = min(3, opening, closing)
            text = (used == 2 and self._template(frame)) or GONE
            closing -= used
            if opening - used >= 2:
                self.stack.append(Frame("{{", "{" * (opening - used), [text]))
            else:
                self.stack[-1].pieces.append("{" * (opening - used) + text)
        self.stack[-1].pieces.append("}" * closing)

    def _template(self, frame: Frame) -> str:
        """The text of a template or a parser function, which was taken from the stack; empty where it has none."""
        arguments = frame.arguments()
        value = function_value(arguments, GONE)
        if value is not None:
            return value
        arguments = [argument.replace(GONE, "") for argument in arguments]
        text = template_text(arguments)
        if not text and self._in_a_sentence():
            text = likely_text(arguments) if text is None else text
            kind = "notes and marks" if text is None else "templates in sentences"
        else:
            kind = "templates"
        if not text:
            self._leave_out(kind, frame)
        return text or ""

    def _in_a_sentence(self) -> bool:
        """Whether there is running text on the line of the template that ends here, and a space between that and it."""
        before = "".join(self.stack[-1].pieces[-3:])[-2:]
        behind = self.source[self.position : self.position + 2]
        if END_OF_WORD.match(behind) is None:
            return False
        return bool(SENTENCE_BEFORE.search(before) or (before[-1:] in "\n" and SENTENCE_BEHIND.match(behind)))

    def _leave_out(self, kind: str, frame: Frame) -> None:
        self.left_out[kind] += len(frame.opened) + sum(map(len, frame.pieces))

    def _end_link(self) -> None:
        arguments = [argument.replace(GONE, "") for argument in self.stack[-1].arguments()]
        target = arguments[0].strip()
        label = "|".join(arguments[1:]) or target.removeprefix(":")
        if "\n" in target:
            self._give_up()
            label = "]]"
        else:
            self.stack.pop()
            namespace, colon, _ = target.partition(":")
            if colon and namespace.strip().lower() in self.dropped_namespaces:
                label = GONE
                self.left_out["files and categories"] += sum(map(len, arguments))
            elif len(arguments) == 1 and INTERLANGUAGE.match(target):
                label = ""
        self.stack[-1].pieces.append(label)

    def _end_site_link(self) -> None:
        frame = self.stack[-1]
        label = "".join(frame.pieces)
        if "\n" in label:
            self._give_up()
            label = "]"
        else:
            self.stack.pop()
        self.stack[-1].pieces.append(label.lstrip())

    def _tag(self, token: str) -> None:
        found = TAG_NAME.match(token)
        name = found[1].lower() if found else ""
        pieces = self.stack[-1].pieces
        if name in END_OF_TAG:
            end = None if token[1] == "/" else end_of_tag(name, token, self.source, self.position, self.never_closed)
            if end and name in RAW_TAGS:
                content = self.source[self.position : end.start()]
                pieces.append(f"\0{len(self.kept)}\0")
                self.kept.append(NOWIKI.sub("", content) if name in ("code", "pre") else content)
            elif name in DROPPED_TAGS:
                pieces.append(GONE)
                self.left_out[LEFT_OUT_TAGS.get(name, "other tags")] += end.start() - self.position if end else 0
            self.position = end.end() if end else self.position
        elif name in ("sup", "sub"):
            pieces.append(END if token[1] == "/" else RAISED if name == "sup" else LOWERED)
        elif name in BREAKING_TAGS:
            pieces.append("\n")
        elif name not in INLINE_TAGS:
            pieces.append("<")
            self.position -= len(token) - 1
