"""Megabytes of HTML per second of one thread: our extraction, and collect with reading and writing, beside resiliparse alone.

The pages are real ones (`tests.benchmarks.corpus`), 20 MB of them. resiliparse is given pages in memory, with its own
settings for main content; ours also finds the encoding, bounds the work and mends what resiliparse gets wrong.
"""

import tempfile
from pathlib import Path

from resiliparse.extract.html2text import extract_plain_text

from data.collect import CollectConfig, SourceConfig, collect_shard, plan_shards
from data.extract import html_to_text
from tests.benchmarks.corpus import pages
from tests.benchmarks.table import Row, compare, measure

PAGE_BYTES = 20_000_000


def rows() -> list[Row]:
    """The function, then the stage on pages in files, each beside the library's call on pages in memory."""
    originals = pages(PAGE_BYTES)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "out").mkdir()
        for number, page in enumerate(originals):
            (folder / f"{number:05d}.html").write_bytes(page)
        config = CollectConfig(sources=[SourceConfig(name="pages", path="*.html")])
        [shard] = plan_shards(config, folder)

        def stage() -> dict:
            return collect_shard(folder / "out", shard, config)

        counts = stage()
        assert counts["documents_in"] == len(originals) and counts["quarantined"] == 0, counts
        seconds = measure(
            "extraction",
            {
                "ours": lambda: [html_to_text(page) for page in originals],
                "stage": stage,
                "resiliparse": lambda: [reference(page) for page in originals],
            },
        )
    size = sum(map(len, originals)) / 1e6
    return [
        compare("extraction", seconds, "ours", "resiliparse", size, "MB/s", "resiliparse alone"),
        compare("extraction, whole stage", seconds, "stage", "resiliparse", size, "MB/s", "resiliparse alone"),
    ]


def reference(page: bytes) -> str:
    """The library's own call for the main content, without descriptions of images."""
    return extract_plain_text(page.decode(errors="replace"), main_content=True, alt_texts=False)
