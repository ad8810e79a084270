"""EPUB: chapters in reading order, metadata, and books that cannot be read."""

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.sources.config import SourceConfig
from data.sources.formats.epub import read_epub
from data.sources.record import Record, Unreadable
from data.sources.streams.input import BytesInput, ReadLimits

PACKAGE = """<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="url">
  <metadata xmlns:dc="http://purl.org/dc/elements/1.1/">
    <dc:identifier>urn:isbn:1</dc:identifier>
    <dc:identifier id="url">https://example.org/book/1</dc:identifier>
    <dc:title>A Book &amp; More</dc:title><dc:language>en</dc:language><dc:date>1999-01-01</dc:date>
    <dc:rights>CC0-1.0</dc:rights><dc:creator>First Author</dc:creator><dc:creator>Second Author</dc:creator>
  </metadata>
  <manifest>
    <item id="one" href="text/chapter%20one.xhtml" media-type="application/xhtml+xml"/>
    <item id="two" href="text/two.xhtml" media-type="application/xhtml+xml"/>
    <item id="contents" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
    <item id="cover" href="cover.svg" media-type="image/svg+xml"/>
  </manifest>
  <spine><itemref idref="cover"/><itemref idref="contents"/><itemref idref="two"/><itemref idref="one"/></spine>
</package>"""
FILES = {
    "mimetype": "application/epub+zip",
    "META-INF/container.xml": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
    '<rootfile full-path="OEBPS/package.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
    "OEBPS/package.opf": PACKAGE,
    "OEBPS/text/chapter one.xhtml": "<html><head><title/></head><body><p>The last words.</p></body></html>",
    "OEBPS/text/two.xhtml": "<html><body><h1>Second, first</h1><p>Words with an é.</p></body></html>",
    "OEBPS/nav.xhtml": "<html><body>Contents</body></html>",
    "OEBPS/cover.svg": "<svg/>",
}


def epub(**changes: str | bytes | None) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (FILES | changes).items():
            if content is not None:
                archive.writestr(name, content)
    return file.getvalue()


def read(content: bytes, limit: int = 1 << 20) -> Record | Unreadable:
    source = SourceConfig(name="s", path="x")
    (found,) = read_epub(BytesInput("book.epub", content), source, ReadLimits(limit, members=100))
    return found


def test_a_book_is_one_document_with_its_chapters_in_reading_order() -> None:
    book = read(epub())
    assert isinstance(book, Record)
    text = str(book.fields["text"])
    assert text.index("Second, first") < text.index("Words with an é.") < text.index("The last words.")
    assert "é.\n\nThe last" in text and "Contents" not in text
    assert {name: value for name, value in book.fields.items() if name != "text"} == {
        "title": "A Book & More",
        "language": "en",
        "date": "1999-01-01",
        "rights": "CC0-1.0",
        "creator": "First Author",
        "id": "https://example.org/book/1",
        "uri": "https://example.org/book/1",
    }


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {"abcdefghij"[n + 1]} "{"&" + "abcdefghij"[n] + ";"}{("&" + "abcdefghij"[n] + ";") * 9}">'
    for n in range(9)
)


def test_a_book_that_was_packed_with_its_folder_is_read_like_any_other() -> None:
    inside: dict[str, str | bytes | None] = {f"book/{name}": content for name, content in FILES.items()}
    assert read(epub(**dict.fromkeys(FILES), **inside)) == read(epub())
    another = {f"other/{name}": content for name, content in FILES.items()}
    assert isinstance(read(epub(**dict.fromkeys(FILES), **inside, **another)), Unreadable)


CONTAINER = "META-INF/container.xml"
ENCRYPTED = '<encryption xmlns:e="x"><e:CipherReference URI="OEBPS/text/two.xhtml"/></encryption>'


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"", "File is not a zip file"),
        (epub()[:-40], "File is not a zip file"),
        (epub(**{CONTAINER: None}), "there is no META-INF/container.xml"),
        (epub(**{CONTAINER: "<container"}), "META-INF/container.xml is no XML"),
        (epub(**{CONTAINER: "<container/>"}), "META-INF/container.xml names no package"),
        (epub(**{CONTAINER: BOMB + "]><a>&j;</a>"}), "META-INF/container.xml"),
        (epub(**{"OEBPS/package.opf": PACKAGE.replace('id="two"', 'id="three"')}), "an item 'two' that is not there"),
        (epub(**{"OEBPS/text/two.xhtml": None}), "there is no OEBPS/text/two.xhtml"),
        (
            epub(**{"OEBPS/package.opf": PACKAGE.replace("text/two", "../../../etc/passwd")}),
            "there is no ../../etc/passwd",
        ),
        (epub(**{"META-INF/encryption.xml": ENCRYPTED}), "chapter OEBPS/text/two.xhtml is encrypted"),
        (epub(**{"OEBPS/text/two.xhtml": "a" * 2_000_000}), "more bytes than max_record_mb allows"),
        (epub(**{f"{number}.txt": "" for number in range(100)}), "more than the 100 members that max_members allows"),
    ],
)
def test_a_book_that_cannot_be_read_is_one_unreadable_record(content: bytes, error: str) -> None:
    found = read(content)
    assert isinstance(found, Unreadable) and error in found.error


ONE = "OEBPS/text/chapter one.xhtml"


EMPTY = [
    '<audio src="a.mp3" controls="controls"/>',
    "<video/>",
    '<object data="a.svg"/>',
    "<select/>",
    "<xmp/>",
    "<template/>",
    "<br/>",
    "<hr />",
    "<a id='x'/>",
    '<svg viewBox="0 0 1 1"><path d="M0"/></svg>',
]


@pytest.mark.parametrize("empty", EMPTY)
def test_what_is_empty_in_xhtml_takes_in_nothing(empty: str) -> None:
    book = read(epub(**{ONE: f"<html><body><p>One.</p>{empty}<p>Two words.</p><p>Three.</p></body></html>"}))
    assert isinstance(book, Record)
    assert str(book.fields["text"]).split()[-4:] == ["One.", "Two", "words.", "Three."]


def test_chapters_of_all_types_of_text_are_read_and_of_others_named() -> None:
    for type in ("application/xhtml+xml; charset=utf-8", "Application/XHTML+XML", "text/x-oeb1-document", "text/html"):
        package = PACKAGE.replace('two.xhtml" media-type="application/xhtml+xml', f'two.xhtml" media-type="{type}')
        book = read(epub(**{"OEBPS/package.opf": package}))
        assert isinstance(book, Record) and "Second, first" in str(book.fields["text"])
    book = read(epub(**{"OEBPS/package.opf": package.replace("text/html", "application/pdf")}))
    assert isinstance(book, Unreadable) and "a type that is not read: application/pdf" in book.error


def test_chapters_in_other_encodings_and_character_data() -> None:
    page = (
        '<?xml version="1.0" encoding="{}"?><html><title/><body><p>Zażółć <![CDATA[a < b & c <i/>]]></p></body></html>'
    )
    for encoding in ("iso-8859-2", "utf-16", "utf-8"):
        book = read(epub(**{ONE: page.format(encoding).encode(encoding)}))
        assert isinstance(book, Record) and str(book.fields["text"]).endswith("Zażółć a < b & c <i/>")


def test_formulas_exponents_and_entities_of_a_chapter() -> None:
    chapter = """<html xmlns="http://www.w3.org/1999/xhtml" xmlns:m="http://www.w3.org/1998/Math/MathML"><body>
    <p>Let <m:math alttext="a^{2}"><m:msup><m:mi>a</m:mi><m:mn>2</m:mn></m:msup></m:math> be 10<sup>9</sup>&#160;m, said
    <m:math><m:mfrac><m:mi>a</m:mi><m:mi>b</m:mi></m:mfrac></m:math> of 1990<a href="#n3"><sup>3</sup></a>;
    &amp;amp; is written.</p>
    </body></html>"""
    book = read(epub(**{"OEBPS/text/two.xhtml": chapter}))
    text = " ".join(str(book.fields["text"]).split())
    assert text.startswith("Let a^{2} be 10^9 m, said a/b of 1990[3]; &amp; is written.")


def test_entities_are_not_read_from_files(tmp_path) -> None:
    (tmp_path / "secret").write_text("secret words")
    reference = f'<!DOCTYPE package [<!ENTITY x SYSTEM "file://{tmp_path}/secret">]>'
    package = PACKAGE.replace("<package", f"{reference}<package").replace("A Book", "&x;")
    assert "secret words" not in str(read(epub(**{"OEBPS/package.opf": package})))


def test_a_damaged_chapter_costs_the_book() -> None:
    content = bytearray(epub())
    content[content.index(b"two.xhtml") + len("two.xhtml") + 4] ^= 0xFF
    found = read(bytes(content))
    assert isinstance(found, Unreadable) and "damaged zip" in found.error


@settings(max_examples=100, deadline=None)
@given(at=st.floats(0, 1), cut=st.integers(0, 99), noise=st.binary(max_size=99))
def test_no_damage_stops_the_reader(at: float, cut: int, noise: bytes) -> None:
    content = epub()
    begin = int(at * len(content))
    found = read(content[:begin] + noise + content[begin + cut :])
    assert isinstance(found, Record) or found.error
