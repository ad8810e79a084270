"""Megabytes of HTML per second of one thread: our extraction, and collect with reading and writing, beside resiliparse alone.

The pages are those that ship with the repository, their paragraphs exchanged for passages of the addresses: many
different pages of about 4 KB, with head, navigation, notices and footer.
"""

import html
import re
import tempfile
from pathlib import Path

from resiliparse.extract.html2text import extract_plain_text

from data.collect import CollectConfig, SourceConfig, collect_shard, plan_shards
from data.extract import html_to_text
from tests.benchmarks.sample import SAMPLES, pieces
from tests.benchmarks.table import Row, compare, measure

PAGES = 1200
PARAGRAPHS = 5  # in a page
BODY = re.compile(r"<p>.*?(?=</article>|</div>)", re.DOTALL)  # the article from its first paragraph on


def rows() -> list[Row]:
    """The function, then the stage on pages in files, each beside the library's call on pages in memory."""
    pages = make_pages()
    size = sum(map(len, pages)) / 1e6
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "out").mkdir()
        for number, page in enumerate(pages):
            (folder / f"{number:05d}.html").write_bytes(page)
        config = CollectConfig(sources=[SourceConfig(name="pages", path="*.html")])
        [shard] = plan_shards(config, folder)

        def stage() -> dict:
            return collect_shard(folder / "out", shard, config)

        assert [html_to_text(page) for page in pages] == [reference(page) for page in pages], "not the same text"
        assert stage()["documents_out"] == len(pages)
        seconds = measure(
            "extraction",
            {
                "ours": lambda: [html_to_text(page) for page in pages],
                "stage": stage,
                "resiliparse": lambda: [reference(page) for page in pages],
            },
        )
    return [
        compare("extraction", seconds, "ours", "resiliparse", size, "MB/s"),
        compare("extraction, whole stage", seconds, "stage", "resiliparse", size, "MB/s", "resiliparse alone"),
    ]


def reference(page: bytes) -> str:
    """The library's own call, with the settings that ours uses."""
    return extract_plain_text(
        page.decode(), main_content=True, alt_texts=False, links=False, form_fields=False, noscript=False
    )


def make_pages() -> list[bytes]:
    shells = [path.read_text() for path in sorted((SAMPLES / "pages").glob("*.html"))]
    return [page(shells[number % len(shells)], text) for number, text in enumerate(pieces()[:PAGES])]


def page(shell: str, text: str) -> bytes:
    length = -(-len(text) // PARAGRAPHS)
    parts = [html.escape(text[start : start + length]) for start in range(0, len(text), length)]
    body = "\n".join(f"<p>{part}</p>" for part in parts)
    return BODY.sub(lambda found: body, shell, count=1).encode()
