"""MediaWiki export dumps (https://www.mediawiki.org/wiki/Help:Export), plain or compressed: one document a page."""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from html import unescape
from typing import NamedTuple
from urllib.parse import quote
from xml.parsers import expat

from data.extraction.wikitext import FILES_AND_CATEGORIES, plain
from data.sources.config import SourceConfig
from data.sources.record import EXCERPT_BYTES, DamagedStream, Record, Unreadable, excerpt, rest_unreadable, too_large
from data.sources.streams.input import Input, ReadLimits
from data.sources.streams.placed_bytes import PlacedBytes, placed_bytes

BEGIN, END = b"<page>", b"</page>"  # Neither can stand in a page's text, in which < is written as &lt;.
MARK = re.compile(rb"</?page>")
HEAD_BYTES = 1 << 20  # The wiki's description may take so much; it has some kilobytes.
NAMED_NAMESPACES = {"-2", "6", "14"}  # The namespaces of media, files and categories.
SAFE_IN_ADDRESSES = ";@$!*(),/~:"  # MediaWiki writes these as they are.
PATHS = {  # paths of elements in <page>, by the names of their fields here
    ("title",): "title",
    ("ns",): "namespace",
    ("id",): "id",
    ("revision", "id"): "revision",
    ("revision", "timestamp"): "date",
    ("revision", "model"): "model",
    ("revision", "text"): "text",
}


@dataclass(frozen=True, slots=True)
class Wiki:
    """What the beginning of a dump says about its wiki."""

    address: str | None  # the beginning of a page's address, which its title ends
    language: str | None
    dropped_namespaces: frozenset[str]  # names of the namespaces of files and categories, in lower case


class Token(NamedTuple):
    """A mark, or what stands between two, or (with `damage`) what cannot be read."""

    data: bytes
    stored_at: int  # byte of the stored file to which it belongs; parts are cut by it
    place: str
    damage: str = ""


class Page(NamedTuple):
    """The text between <page> and </page>."""

    place: str
    content: bytes


def read_wikipedia(input: Input, source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    """The pages of a dump or of a part of one, with wikitext as plain text; of a page with several revisions the last.

    `place` is the number of page and revision; that of a page that cannot be read is its place in the decompressed dump.
    Redirects, and pages outside `source.wikipedia.namespaces`, are records without text, so that they count as empty.
    """
    wiki = _wiki(input)
    if wiki is None:
        if input.start == 0:
            yield rest_unreadable("0", "it does not begin as a MediaWiki dump: there is no <mediawiki>")
        return
    for page in _pages(input, limits):
        yield page if isinstance(page, Unreadable) else _record(page, wiki, source)


def _wiki(input: Input) -> Wiki | None:
    head = b""
    with suppress(DamagedStream):  # the damage is reported when the pages are read
        for chunk in input.chunks():
            head += chunk
            if BEGIN in head or len(head) > HEAD_BYTES:
                break
    text = head[:HEAD_BYTES].partition(BEGIN)[0].decode(errors="replace")
    if "<mediawiki" not in text:
        return None
    base = re.search(r"<base>([^<]*)/[^</]*</base>", text)
    language = re.search(r'xml:lang="([^"<]*)"', text)
    namespaces = re.findall(r'<namespace key="(-?[0-9]+)"[^<>]*>([^<]*)', text)
    names = {unescape(name).lower() for key, name in namespaces if key in NAMED_NAMESPACES}
    return Wiki(unescape(base[1]) if base else None, language and language[1], FILES_AND_CATEGORIES | names)


def _pages(input: Input, limits: ReadLimits) -> Iterator[Page | Unreadable]:
    """The pages that begin in the part, also those that end after it.

    A part ends with the first mark or damage at or after its end, where the next one begins.
    """
    limit = limits.record_bytes
    page: Token | None = None  # where the page that is being read begins
    held, size = bytearray(), 0
    first = input.start > 0  # True until the mark or damage with which the previous part ends
    for token in _tokens(placed_bytes(input, limits.file_bytes)):
        if not token.damage and token.data not in (BEGIN, END):
            if page:
                size += len(token.data)
                held += token.data[: max(0, limit - len(held))]
            continue
        if page and token.data == END:
            fits = size <= limit
            yield Page(page.place, bytes(held)) if fits else _unreadable(page, too_large(size, limit), held, size)
        elif page:
            yield _unreadable(page, token.damage or "the page has no end before the next one begins", held, size)
        elif token.damage and not first:
            yield Unreadable(token.place, token.damage, "", 0)
        page, first = None, False
        if input.stop is not None and token.stored_at >= input.stop:
            return
        if token.data == BEGIN:
            page, size = token, 0
            held.clear()
    if page:
        yield _unreadable(page, "the file ends within the page", held, size)


def _unreadable(page: Token, error: str, held: bytearray, size: int) -> Unreadable:
    return Unreadable(page.place, error, excerpt(bytes(held[:EXCERPT_BYTES])), size)


def _tokens(found: Iterable[PlacedBytes]) -> Iterator[Token]:
    """The marks, also those that lie in two pieces, and what stands between them."""
    tail = Token(b"", 0, "")  # the end of the previous piece from a < on, which may begin a mark
    for piece in found:
        data, before = tail.data + piece.data, len(tail.data)

        def token(
            begin: int,
            end: int,
            piece: PlacedBytes = piece,
            data: bytes = data,
            before: int = before,
            tail: Token = tail,
        ) -> Token:
            if begin < before:
                return tail._replace(data=data[begin:end])
            return Token(data[begin:end], piece.stored_at, piece.place(begin - before))

        begin = 0
        for mark in MARK.finditer(data):
            if mark.start() > begin:
                yield token(begin, mark.start())
            yield token(*mark.span())
            begin = mark.end()
        last = data.rfind(b"<", max(begin, len(data) - len(END) + 1))
        end = last if last >= 0 and not piece.damage else len(data)
        if end > begin:
            yield token(begin, end)
        tail = token(end, len(data))
        if piece.damage:
            yield Token(b"", piece.stored_at, piece.place(0), piece.damage)
    if tail.data:
        yield tail


def _record(page: Page, wiki: Wiki, source: SourceConfig) -> Record | Unreadable:
    size = len(page.content)
    try:
        found = _parse(page.content)
        if not found.get("id", "").isdecimal():
            raise ValueError("the page has no number")
        if found.get("model", "wikitext") != "wikitext":
            raise ValueError(f"the page is no wikitext but {found['model']}")
        wanted = "redirect" not in found and found.get("namespace", "0") in map(str, source.wikipedia.namespaces)
        text, left_out = plain(found.get("text", "") if wanted else "", wiki.dropped_namespaces, wiki.language)
    except (ValueError, expat.ExpatError) as problem:
        return Unreadable(page.place, str(problem), excerpt(page.content), size)
    fields: dict[str, object] = {name: found[name] for name in PATHS.values() if name in found}
    fields[source.text_field] = text
    if wiki.address is not None and "title" in found:
        title = found["title"].replace(" ", "_")
        fields["uri"] = f"{wiki.address}/{quote(title, safe=SAFE_IN_ADDRESSES)}"
    if wiki.language is not None:
        fields["language"] = wiki.language
    return Record(f"page {found['id']} revision {found.get('revision', 0)}", fields, size, left_out=left_out)


def _parse(content: bytes) -> dict[str, str]:
    """The elements of PATHS, and `redirect` where the page is one. Raises ExpatError for what is no XML."""
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    path: list[str] = []
    texts: dict[str, list[str]] = {}
    target: list[str] | None = None  # the list that takes the text at `path`

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal target
        path.append(name)
        below = tuple(path[1:4])
        if below == ("redirect",):
            texts["redirect"] = []
        if below == ("revision",):  # the last one counts
            for key in ("revision", "date", "model", "text"):
                texts.pop(key, None)
        target = texts.setdefault(PATHS[below], []) if below in PATHS else None

    def end(name: str) -> None:
        nonlocal target
        path.pop()
        target = None

    def characters(text: str) -> None:
        if target is not None:
            target.append(text)

    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = begin, end, characters
    # There can be no document type inside an element, and so no entities of the dump's own.
    parser.Parse(BEGIN, False)
    parser.Parse(content, False)
    parser.Parse(END, True)
    return {name: "".join(parts) for name, parts in texts.items()}
