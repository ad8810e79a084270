"""Megabytes per second of one core through FineWeb's chain of filters, beside datatrove.

The chain is Gopher repetition, Gopher quality, C4 without its end-mark rule, FineWeb, all with their published limits. datatrove
is given our words (cut at white space) and our sentences: with those that it ships with it is slower by a factor of three
to four. Both come to the same decisions, or the benchmark ends.
"""

from collections.abc import Callable
from itertools import cycle
from typing import Any

from datatrove.data import Document
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.utils.word_tokenizers import WordTokenizer

from data.clean.chain import ChainInputs, Draft, make_chain, run_all
from data.clean.config import CleanConfig
from data.text.words import count_sentences, has_unspaced
from tests.benchmarks import corpus
from tests.benchmarks.table import ROUNDS, Row, compare, measure, parts_of

CHAIN = ("gopher_repetition", "gopher_quality", "c4", "fineweb")
CONFIG = CleanConfig(chain=CHAIN, pii=None)


def rows() -> list[Row]:
    """50 MB of documentation, once through: another part of it in every round. In scripts without spaces our words are others."""
    texts = [text for text in corpus.documents() if not has_unspaced(text)]
    size = sum(len(text.encode()) for text in texts) / 1e6
    parts = parts_of(texts, ROUNDS)
    decisions: dict[str, list[list[bool]]] = {"ours": [], "datatrove": []}
    seconds = measure(
        "filters",
        {name: through(parts, chain(), decisions[name]) for name, chain in (("ours", ours), ("datatrove", datatrove))},
    )
    assert decisions["ours"] == decisions["datatrove"]
    label = "datatrove, white-space words"
    return [compare("filters, FineWeb's chain", seconds, "ours", "datatrove", size / ROUNDS, "MB/s", label)]


def through(
    parts: list[list[str]], keeps: Callable[[list[str]], list[bool]], decisions: list[list[bool]]
) -> Callable[[], None]:
    """Another part at every call; the first one twice, since the first round is not counted."""
    order = cycle([parts[0], *parts])
    return lambda: decisions.append(keeps(next(order)))


def ours() -> Callable[[list[str]], list[bool]]:
    chain = make_chain(CONFIG, ChainInputs())

    def keeps(texts: list[str]) -> list[bool]:
        drafts = [Draft({"text": text}) for text in texts]
        run_all(drafts, chain)
        return [draft.rejection is None for draft in drafts]

    return keeps


class OurSplitter(WordTokenizer):
    """White-space words and our sentences, as datatrove asks for them."""

    def word_tokenize(self, text: str) -> list[str]:
        return text.split()

    def sent_tokenize(self, text: str) -> list[str]:
        raise NotImplementedError  # the filters ask for spans

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        return [(0, 0)] * count_sentences(text)


def datatrove() -> Callable[[list[str]], list[bool]]:
    words: Any = OurSplitter()
    filters = [
        GopherRepetitionFilter(language=words),
        GopherQualityFilter(language=words),
        C4QualityFilter(language=words, filter_no_terminal_punct=False),
        FineWebQualityFilter(language=words),
    ]

    def is_kept(text: str) -> bool:
        document = Document(text=text, id="")
        return all(each.filter(document) is True for each in filters)

    return lambda texts: [is_kept(text) for text in texts]
