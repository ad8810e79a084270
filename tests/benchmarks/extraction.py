"""Megabytes of HTML per second of one thread: our extraction, and collect with reading and writing, beside resiliparse alone.

The pages are real ones (`tests.benchmarks.corpus`), 50 MB of them; a round takes the next ninth, so that the contenders take
turns every quarter of a second. resiliparse is given pages in memory, with its own settings for main content; ours also finds
the encoding, bounds the work and mends what resiliparse gets wrong.
"""

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from resiliparse.extract.html2text import extract_plain_text

from data.collect.collect import collect_shard, plan_shards
from data.collect.config import CollectConfig
from data.extraction.html import html_to_text
from data.sources.config import SourceConfig
from tests.benchmarks.corpus import pages
from tests.benchmarks.table import Row, compare, in_turn, measure, parts_of

PARTS = 9  # odd, since the order of the contenders changes every round
ROUNDS = 3 * PARTS


def rows() -> list[Row]:
    """The function, then the stage on pages in files, each beside the library's call on pages in memory."""
    originals = pages()
    parts = parts_of(originals, PARTS)
    with tempfile.TemporaryDirectory() as temporary:
        stages = [_stage(Path(temporary) / str(number), part) for number, part in enumerate(parts)]
        contenders = {
            "ours": in_turn([partial(_each, html_to_text, part) for part in parts]),
            "stage": in_turn(stages),
            "resiliparse": in_turn([partial(_each, reference, part) for part in parts]),
        }
        seconds = measure("extraction", contenders, ROUNDS)
    size = sum(map(len, originals)) / len(parts) / 1e6
    return [
        compare("extraction", seconds, "ours", "resiliparse", size, "MB/s", "resiliparse alone"),
        compare("extraction, whole stage", seconds, "stage", "resiliparse", size, "MB/s", "resiliparse alone"),
    ]


def _stage(folder: Path, originals: Sequence[bytes]) -> Callable[[], object]:
    """Collect of the pages as files in `folder`, which was seen to make a document of each."""
    (folder / "out").mkdir(parents=True)
    for number, page in enumerate(originals):
        (folder / f"{number:05d}.html").write_bytes(page)
    config = CollectConfig(sources=[SourceConfig(name="pages", path="*.html")])
    [shard] = plan_shards(config, folder)
    counts = collect_shard(folder / "out", shard, config)
    assert counts["documents_in"] == len(originals) and counts["quarantined"] == 0, counts
    return partial(collect_shard, folder / "out", shard, config)


def _each(extract: Callable[[bytes], str], originals: Sequence[bytes]) -> None:
    for page in originals:
        extract(page)


def reference(page: bytes) -> str:
    """The library's own call for the main content, without descriptions of images."""
    return extract_plain_text(page.decode(errors="replace"), main_content=True, alt_texts=False)
