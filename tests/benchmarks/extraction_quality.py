"""How much of a page's source text an extraction gives, and how little else: word-bag F1.

The pages are those whose source is public: Python's documentation (Debian's python3.11-doc has the reStructuredText beside
the HTML), PostgreSQL's (postgresql-doc-15, and the DocBook of the source package) and Linux's (linux-doc-6.1, both). The
words of a source are what is left when its markup is taken away by a few rules, the same for every extraction. That is
not exactly what a browser shows: generated words ("Section 8.1", "New in version") and included files are missing in the
source. So no extraction can reach 1, and only the differences between them tell something.

What `data.extract` does for DocBook's pages (links to other chapters, lists near the root) was written with PostgreSQL's
pages at hand: that its F1 is higher there says little about other pages. Python's and Linux's pages had no such part.

Precision is the share of an extraction's words that the source has, as often; recall the share of the source's words
that the extraction has; F1 their harmonic mean, taken page by page.
"""

import gzip
import html
import re
import statistics
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import trafilatura
from resiliparse.extract.html2text import extract_plain_text
from rich.console import Console
from rich.table import Table

from data.extraction.html import html_to_text
from tests.benchmarks.corpus import unpacked, unpacked_source
from tests.benchmarks.table import Row

LEAST_WORDS = 50  # of a source: shorter pages are lists of contents, generated
MOST_BYTES = 1_000_000  # of a page
LINUX_STEP = 8  # every so many of Linux's pages is taken

EXTRACTORS: dict[str, Callable[[bytes], str]] = {
    "ours": html_to_text,
    "resiliparse": lambda page: extract_plain_text(page.decode(), main_content=True, alt_texts=False),
    "trafilatura": lambda page: trafilatura.extract(page.decode(), include_comments=False) or "",
}

# reStructuredText: what of a directive is not shown, comments, targets, field names, the names of directives and roles.
RST_RULES = (
    (r"^( *)\.\. (?:index|toctree|sectionauthor|moduleauthor|highlight|literalinclude|tabularcolumns|only|raw)::"
     r".*\n(?:(?:\1 +.*)?\n)*", ""),
    (r"^ *\.\. (?:_.*:.*|(?!\S+::|\[)\S.*)\n", ""),
    (r"^ +:(?:synopsis|platform|noindex|maxdepth|widths|header-rows|class|name|lineno-\S+|emphasize-lines|deprecated"
     r"|module|hidden|align|titlesonly|nocomments|linenos|start-after|end-before).*\n", ""),
    (r"\.\. (\S+)::", " "),
    (r":[\w:+.-]+:`(?:[^`<]*<)?([^`>]*)>?`", r" \1 "),
    (r"`([^`<]+)<[^`>]*>`_+", r" \1 "),
)  # fmt: skip
ROLE_WITH_TEXT = re.compile(r":[\w:+.-]+:`([^`<]+?)\s*<[^`>]*>`")
SHORT_NAME = re.compile(r"(:[\w:+.-]+:`)~[\w.]*?(\w+`)")  # shown without its module

# DocBook: what is not shown, and then every tag.
DOCBOOK_RULES = (
    (r"<!--.*?-->|<(indexterm|refmeta|footnoteref|xref|title role=.abbrev.)\b[^>]*?(?:/>|>.*?</\1>)|<\?.*?\?>", " "),
    (r"<!\[CDATA\[(.*?)\]\]>", lambda found: html.escape(found[1])),
    (r"</?[a-zA-Z][^>]*>", " "),
)
SECTION = re.compile(r'<(sect1|refentry)\b[^>]*\bid="([\w-]+)".*?</\1>', re.DOTALL)


def rows() -> list[Row]:
    """Mean F1 of ours beside that of each other, by corpus; all the measures are printed."""
    found = []
    table = Table(title="Extraction quality: word-bag F1 against the source", title_justify="left")
    for title in ("corpus", "extractor", "F1 mean", "F1 median", "precision", "recall", "pages"):
        table.add_column(title, justify="left" if title in ("corpus", "extractor") else "right")
    corpora = {"Python": python_pages, "PostgreSQL": postgresql_pages, "Linux": linux_pages}
    for corpus, pages in corpora.items():
        scores = measure(corpus, list(pages()))
        for name, measured in scores.items():
            precision, recall, f1 = zip(*measured, strict=True)
            figures = (statistics.mean(f1), statistics.median(f1), statistics.mean(precision), statistics.mean(recall))
            table.add_row(corpus, name, *(f"{figure:.3f}" for figure in figures), str(len(f1)))
        found += [compare(corpus, scores, name) for name in scores if name != "ours"]
    Console(width=100).print(table)
    return found


def measure(corpus: str, pages: list[tuple[bytes, Counter[str]]]) -> dict[str, list[tuple[float, float, float]]]:
    """Precision, recall and F1 of every extractor on every page."""
    scores: dict[str, list[tuple[float, float, float]]] = {name: [] for name in EXTRACTORS}
    for number, (page, source) in enumerate(pages, 1):
        for name, extractor in EXTRACTORS.items():
            scores[name].append(score(words(extractor(page)), source))
        if number % 100 == 0:
            print(f"extraction quality, {corpus}: {number} of {len(pages)} pages", file=sys.stderr, flush=True)
    return scores


def score(found: Counter[str], source: Counter[str]) -> tuple[float, float, float]:
    """Precision, recall and F1 of two bags of words, the second not empty."""
    common = (found & source).total()
    precision, recall = common / max(1, found.total()), common / source.total()
    return precision, recall, 2 * common / (found.total() + source.total())


def compare(corpus: str, scores: dict[str, list[tuple[float, float, float]]], name: str) -> Row:
    """The row for our mean F1 beside that of the extractor `name`; the spread is that of the pages' ratios."""
    ours, theirs = ([f1 for _, _, f1 in scores[extractor]] for extractor in ("ours", name))
    low, middle, high = statistics.quantiles([a / max(b, 0.01) for a, b in zip(ours, theirs, strict=True)], n=4)
    means = round(statistics.mean(ours), 3), round(statistics.mean(theirs), 3)
    spread = (round(low, 3), round(high, 3))
    return Row(f"extraction quality, {corpus}", *means, f"{name} alone", "F1", round(middle, 3), spread, len(ours))


def words(text: str) -> Counter[str]:
    """Runs of letters, digits and _, in lower case."""
    return Counter(re.findall(r"\w+", text.lower()))


def python_pages() -> Iterator[tuple[bytes, Counter[str]]]:
    """The pages of Python's documentation and the words of their sources."""
    folder = unpacked("python3.11-doc") / "usr/share/doc/python3.11/html"
    for source in sorted((folder / "_sources").rglob("*.rst.txt")):
        name = source.relative_to(folder / "_sources").as_posix().removesuffix(".rst.txt")
        yield from _pair(folder / f"{name}.html", rst_to_text(source.read_text()))


def postgresql_pages() -> Iterator[tuple[bytes, Counter[str]]]:
    """The pages of PostgreSQL's documentation that are a section or a reference entry, and the words of their sources."""
    folder = unpacked("postgresql-doc-15") / "usr/share/doc/postgresql-doc-15/html"
    for source in sorted((unpacked_source("postgresql-15") / "doc/src/sgml").rglob("*.sgml")):
        for section in SECTION.finditer(source.read_text()):
            yield from _pair(folder / f"{section[2]}.html", docbook_to_text(section[0]))


def linux_pages() -> Iterator[tuple[bytes, Counter[str]]]:
    """Some of the pages of Linux's documentation and the words of their sources."""
    folder = unpacked("linux-doc-6.1") / "usr/share/doc/linux-doc-6.1"
    for source in sorted((folder / "Documentation").rglob("*.rst.gz"))[::LINUX_STEP]:
        name = source.relative_to(folder / "Documentation").as_posix().removesuffix(".rst.gz")
        yield from _pair(folder / "html" / f"{name}.html", rst_to_text(gzip.decompress(source.read_bytes()).decode()))


def _pair(page: Path, source: str) -> Iterator[tuple[bytes, Counter[str]]]:
    bag = words(source)
    if page.is_file() and page.stat().st_size <= MOST_BYTES and bag.total() >= LEAST_WORDS:
        yield page.read_bytes(), bag


def rst_to_text(source: str) -> str:
    """What of reStructuredText with Sphinx's directives and roles is shown, nearly."""
    text = SHORT_NAME.sub(r"\1\2", ROLE_WITH_TEXT.sub(r" \1 ", source))
    for pattern, replacement in RST_RULES:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return text


def docbook_to_text(source: str) -> str:
    """What of a DocBook element is shown, nearly: its text without index terms and references."""
    for pattern, replacement in DOCBOOK_RULES:
        source = re.sub(pattern, replacement, source, flags=re.DOTALL)
    return html.unescape(source)
