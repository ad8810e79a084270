"""EPUB books (https://www.w3.org/TR/epub-33/): one document a book, its chapters in reading order."""

import posixpath
import re
from collections.abc import Iterator
from urllib.parse import unquote
from zipfile import ZipFile

from lxml import etree
from lxml.etree import _Element

from data.extraction.html import html_to_text, to_utf8
from data.sources.config import SourceConfig
from data.sources.formats.zip_file import open_zip, read_member
from data.sources.record import DamagedStream, Record, Unreadable, first_line
from data.sources.streams.input import Input, ReadLimits

DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"
# The reading order may have these beside chapters.
WITHOUT_TEXT = ("image/", "audio/", "video/", "text/css", "application/x-dtbncx+xml")
CONTAINER = "META-INF/container.xml"
XML_BYTES = 1 << 23  # Files that describe the book may be so large.
# XHTML may write any element without content as one tag. HTML takes that for a start tag, unless it knows the element to be
# empty: a title would take in all of the book.
EMPTY_ELEMENT = re.compile(
    rb"<(?!(?i:area|base|basefont|br|col|embed|frame|hr|img|input|link|meta|param|source|track|wbr)[\s/])"
    rb"([a-zA-Z][a-zA-Z0-9]*+)(\s[^<>]*)?/>"
)
# Encodings that fit nearly all bytes, or in which this could not be read, are left out: they say nothing.
XML_ENCODING = re.compile(
    rb"\s*<\?xml\s[^<>]*?\bencoding\s*=\s*[\"'](?!(?i:utf|ucs|latin-?1|iso-8859-1[\"']))([\w.:-]{1,40}+)"
)
# XHTML may write MathML's names with a prefix, which HTML does not know.
MATH_PREFIX = re.compile(rb"<(/?)(?:m|mml|math):(?=[a-z])")
CDATA = b"<![CDATA["  # CDATA holds text as it is; HTML does not know it.


def read_epub(input: Input, source: SourceConfig, limits: ReadLimits) -> Iterator[Record | Unreadable]:
    """The book as one record: its chapters between blank lines, the table of contents left out.

    A book with a chapter that cannot be read is unreadable as a whole.
    """
    try:
        with input.open() as file, open_zip(file, limits.members) as archive:
            found = _book(archive, source, limits.record_bytes)
    except (DamagedStream, ValueError) as problem:
        found = Unreadable("0", first_line(problem), "", 0)
    yield found


def _book(archive: ZipFile, source: SourceConfig, limit: int) -> Record | Unreadable:
    root = _root(archive)
    package_name = root + _package_name(archive, root)
    package = _xml(archive, package_name)
    encrypted = {root + name for name in _encrypted(archive, root)}
    size, texts = 0, []
    for name in _chapters(package, posixpath.dirname(package_name)):
        if name in encrypted:
            raise DamagedStream(f"chapter {name} is encrypted")
        page = _read(archive, name, limit - size)
        size += len(page)
        try:
            texts.append(html_to_text(_as_html(page), main_content=False).strip())
        except ValueError as problem:
            raise DamagedStream(f"chapter {name}: {problem}") from None
    fields: dict[str, object] = dict(_metadata(package))
    fields[source.text_field] = "\n\n".join(text for text in texts if text)
    return Record("0", fields, size)


def _as_html(page: bytes) -> bytes:
    """A page of XHTML, in UTF-8, as HTML has it."""
    declared = XML_ENCODING.match(page[:1000])
    page = to_utf8(page, declared[1].decode() if declared else None)
    page = MATH_PREFIX.sub(rb"<\1", page) if b":math" in page else page
    first, *others = page.split(CDATA)
    return _without_empty(first) + b"".join(map(_without_cdata, others))


def _without_empty(page: bytes) -> bytes:
    return EMPTY_ELEMENT.sub(rb"<\1\2></\1>", page)


def _without_cdata(page: bytes) -> bytes:
    text, end, behind = page.partition(b"]]>")
    if not end:
        return CDATA + page
    return text.replace(b"&", b"&amp;").replace(b"<", b"&lt;") + _without_empty(behind)


def _root(archive: ZipFile) -> str:
    """The folder in the archive that is the book: the archive itself, or the one folder that somebody has packed."""
    found = {name.removesuffix(CONTAINER) for name in archive.namelist() if name.endswith(f"/{CONTAINER}")}
    return found.pop() if len(found) == 1 and CONTAINER not in archive.namelist() else ""


def _package_name(archive: ZipFile, root: str) -> str:
    rootfile = _xml(archive, root + CONTAINER).find(".//{*}rootfile")
    if rootfile is None or not rootfile.get("full-path"):
        raise DamagedStream(f"{CONTAINER} names no package")
    return str(rootfile.get("full-path"))


def _chapters(package: _Element, folder: str) -> Iterator[str]:
    """The names of the spine's chapters in the archive. Raises DamagedStream for an item that may have text and is not read."""
    items = {item.get("id"): item for item in package.iterfind("{*}manifest/{*}item")}
    for reference in package.iterfind("{*}spine/{*}itemref"):
        item = items.get(reference.get("idref"))
        if item is None:
            raise DamagedStream(f"the reading order names an item {reference.get('idref')!r} that is not there")
        type = (item.get("media-type") or "").partition(";")[0].strip().lower()
        if type.startswith(WITHOUT_TEXT) or "nav" in (item.get("properties") or "").split():
            continue
        if not (type.startswith("text/") or type.endswith("xml")):
            raise DamagedStream(f"an item of the reading order is of a type that is not read: {type or 'none'}"[:200])
        yield posixpath.normpath(posixpath.join(folder, unquote(item.get("href") or "")))


def _metadata(package: _Element) -> Iterator[tuple[str, str]]:
    """What the package says about the book; of several values the first, of identifiers the one that it calls unique."""
    found: dict[str, str] = {}
    for element in package.iterfind("{*}metadata//{*}*"):
        name, text = str(element.tag).removeprefix(DUBLIN_CORE), (element.text or "").strip()
        if text and (
            name not in found or (name == "identifier" and element.get("id") == package.get("unique-identifier"))
        ):
            found[name] = text
    for name in ("title", "language", "date", "rights", "creator"):
        if name in found:
            yield name, found[name]
    if "identifier" in found:
        yield "id", found["identifier"]
        if found["identifier"].startswith(("http://", "https://")):
            yield "uri", found["identifier"]


def _encrypted(archive: ZipFile, root: str) -> set[str]:
    """The files that have been encrypted, chapters of protected books among them."""
    name = f"{root}META-INF/encryption.xml"
    if name not in archive.namelist():
        return set()
    return {unquote(reference.get("URI") or "") for reference in _xml(archive, name).iterfind(".//{*}CipherReference")}


def _xml(archive: ZipFile, name: str) -> _Element:

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        return etree.fromstring(_read(archive, name, XML_BYTES), parser)
    except etree.XMLSyntaxError as problem:
        raise DamagedStream(f"{name} is no XML: {first_line(problem)}") from None


def _read(archive: ZipFile, name: str, limit: int) -> bytes:
    try:
        member = archive.getinfo(name)
    except KeyError:
        raise DamagedStream(f"there is no {name} in it") from None
    content = bytearray()
    for piece in read_member(archive, member):
        content += piece
        if len(content) > limit:
            raise DamagedStream(f"with {name} the book has more bytes than max_record_mb allows")
    return bytes(content)
