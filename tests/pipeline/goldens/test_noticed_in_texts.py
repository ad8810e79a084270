"""Each golden of the data stages notices when what it is for is taken away."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import data.clean.annotate
import data.clean.block_lists
import data.clean.boilerplate
import data.clean.chain
import data.clean.filters.fineweb
import data.clean.language
import data.clean.pii
import data.collect.collect
import data.dedup.contamination
import data.dedup.dedup
import data.dedup.minhash
import data.dedup.ngram_hashes
import data.extraction.boilerplate
import data.extraction.html
import data.extraction.wikitext
import data.sources.formats.hub
import data.sources.streams.byte_stream
import data.text.mojibake
import data.text.normalise
import data.text.word_arrays
import data.text.words
import data.tokens.bpe
import data.tokens.tokenize
import data.tokens.vocabulary
from data.clean.filters.families import FAMILIES
from data.clean.pii import _KINDS
from data.sources.readers import READERS
from pipeline.goldens.collect import CUT_FILES, SOURCES
from tests.pipeline.goldens.noticing import notices

Patch = pytest.MonkeyPatch
FORMATS = {"wikipedia-variants": "wikipedia", "lines": "text", "markdown": "text", "tsv": "csv", "repairs": "jsonl"}
FORMATS |= {"damaged": "csv", "warc-gz": "warc", "archive-zip": "archive", "archive-tar": "archive"}
FORMATS |= {"html-trafilatura": "html"}


def nothing(*arguments: Any, **others: Any) -> Any:
    """In the place of a reader that gives records."""
    return iter(())


def same(first: Any, *rest: Any) -> Any:
    """In the place of a function that changes its argument."""
    return first


@pytest.mark.parametrize("name", [source.name for source in SOURCES])
def test_a_format_that_is_not_read(name: str, tmp_path: Path, monkeypatch: Patch) -> None:
    format, reader = FORMATS.get(name, name.partition("-")[0]), data.collect.collect.reader
    monkeypatch.setattr(data.collect.collect, "reader", lambda each: nothing if each == format else reader(each))
    monkeypatch.setattr(data.sources.formats.hub, "read_dataset", nothing)
    assert format in READERS or format == "datasets"
    assert notices("collect", name, tmp_path)


@pytest.mark.parametrize("name", CUT_FILES)
def test_a_part_that_is_read_as_the_whole_file(name: str, tmp_path: Path, monkeypatch: Patch) -> None:
    whole = data.collect.collect.FileInput
    monkeypatch.setattr(
        data.collect.collect, "FileInput", lambda name, path, limit, start, stop: whole(name, path, limit)
    )
    assert notices("collect", name, tmp_path)


@pytest.mark.parametrize("name", ["gz", "bz2", "xz", "zst"])
def test_a_compression_that_is_not_undone(name: str, tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.delitem(data.sources.streams.byte_stream.COMPRESSIONS, f".{name}")
    assert notices("collect", f"jsonl-{name}", tmp_path)


NUMBERS = itertools.count()
# Stage, golden, what is replaced (an attribute of a module or of a class), and by what.
REPLACED: list[tuple[str, str, Any, str, Any]] = [
    ("collect", "jsonl", data.collect.collect, "read_withdrawn", lambda path: frozenset()),
    ("collect", "html", data.extraction.html, "_prepared", same),
    ("collect", "html", data.extraction.boilerplate, "_move_down", lambda document, element: None),
    ("collect", "html", data.extraction.html, "COOKIE_NOTICES", ".none"),
    ("collect", "html-trafilatura", data.extraction.html, "_by_trafilatura", lambda tree, html: "x"),
    ("collect", "wikipedia", data.extraction.wikitext, "template_text", lambda *arguments: ""),
    ("collect", "wikipedia-variants", data.extraction.wikitext, "with_first_variants", same),
    ("collect", "repairs", data.text.mojibake, "repair", same),
    ("collect", "repairs", data.text.mojibake, "_repaired", same),
    ("collect", "nfc", data.text.normalise, "nfc", same),
    ("collect", "nfc", data.text.normalise, "_one_newline", same),
    ("annotate", "default", data.clean.annotate, "_custom_scores", lambda row, functions: {}),
    ("annotate", "default", data.clean.annotate, "identify", lambda text, characters, model: ("en", 1.0)),
    ("annotate", "words", data.text.word_arrays, "split_words", lambda text, splitter: text.split()),
    ("annotate", "end_marks", data.clean.filters.fineweb, "_MARKS", {"fineweb": frozenset(".")}),
    ("clean", "language", data.clean.language, "identify", lambda text, characters, model: ("en", 1.0)),
    ("clean", "language.all", data.clean.language, "identify", lambda text, characters, model: ("en", 1.0)),
    ("clean", "language.paragraph", data.clean.language, "_parts", lambda text, least: [(text, 1)]),
    ("clean", "c4", data.clean.chain, "_cutting", lambda family, rule, config: lambda draft: None),
    ("clean", "words", data.text.word_arrays, "split_words", lambda text, splitter: text.split()),
    ("clean", "end_marks", data.clean.filters.fineweb, "_MARKS", {"fineweb": frozenset(".")}),
    ("clean", "custom", data.clean.chain, "load_function", lambda name, base: lambda text, document: None),
    ("clean", "scores", data.clean.chain, "_score", lambda config: lambda draft: None),
    ("clean", "boilerplate", data.clean.boilerplate.Boilerplate, "strip", lambda self, text, source: (text, 0)),
    ("clean", "block_lists.domains", data.clean.block_lists.BlockLists, "check_uri", lambda self, uri: None),
    ("clean", "block_lists.urls", data.clean.block_lists.BlockLists, "check_uri", lambda self, uri: None),
    ("clean", "block_lists.words", data.clean.block_lists.BlockLists, "check_text", lambda self, text: None),
    ("clean", "pii", data.clean.pii, "_blank", same),
    (
        "clean",
        "pii",
        data.clean.pii,
        "_joined",
        lambda matches: [(a, b, _KINDS[rank].name) for a, b, rank in matches[:1]],
    ),
    ("clean", "whole chain", data.clean.pii, "mask", lambda text, config: (text.upper(), {})),
    ("clean", "annotated chain", data.clean.chain, "_language", lambda config, annotated: lambda draft: None),
    ("dedup", "minhash", data.dedup.dedup, "band_keys", lambda text, config: []),
    ("dedup", "few bands", data.dedup.dedup, "band_keys", lambda text, config: []),
    ("dedup", "exact", data.dedup.dedup, "content_hash", lambda text, numbers=NUMBERS: f"{next(numbers):032x}"),
    ("dedup", "exact", data.dedup.dedup.unicodedata, "normalize", lambda form, text: text),
    ("dedup", "contamination", data.dedup.contamination.Benchmark, "shared_row", lambda self, text: None),
    ("dedup", "contamination", data.dedup.contamination, "_telling_hashes", lambda rows, ends: rows.hashes(ends)),
    ("dedup", "contamination", data.dedup.contamination, "_labelled", lambda label, value, wanted: value),
    ("dedup", "contamination", data.dedup.ngram_hashes, "has_unspaced", lambda text: False),
    (
        "dedup",
        "numbers",
        data.dedup.minhash,
        "normalized_words",
        lambda text, numbers: data.text.words.normalized_words(text),
    ),
    ("dedup", "all", data.dedup.contamination.Benchmark, "shared_row", lambda self, text: None),
    ("vocab", "llama3", data.tokens.bpe, "PATTERNS", {"llama3": data.tokens.vocabulary.PATTERNS["gpt2"]}),
    ("vocab", "gpt2", data.tokens.bpe, "PATTERNS", {"gpt2": data.tokens.vocabulary.PATTERNS["llama3"]}),
    ("vocab", "special_tokens", data.tokens.bpe, "special_tokens", lambda config: ["<|endoftext|>", "<|pad|>"]),
    ("vocab", "sample", data.tokens.bpe, "_draw", lambda key: 0.0),
    ("vocab", "adopted", data.tokens.bpe, "_write_report", lambda *arguments: None),
    ("tokenize", "splits", data.tokens.tokenize, "split_of", lambda identifier, config: "train"),
    ("tokenize", "int32", data.tokens.tokenize, "check_dtype", lambda config, size: "uint16"),
    ("tokenize", "adopted", data.tokens.vocabulary.Vocabulary, "document", lambda self, ids: ids),
]


@pytest.mark.parametrize(("stage", "name", "place", "attribute", "replacement"), REPLACED)
def test_a_step_that_does_nothing(
    stage: str, name: str, place: Any, attribute: str, replacement: Any, tmp_path: Path, monkeypatch: Patch
) -> None:
    monkeypatch.setattr(place, attribute, replacement)
    assert notices(stage, name, tmp_path)


@pytest.mark.parametrize(("family", "rule"), [(name, rule) for name, each in FAMILIES.items() for rule in each.rules])
def test_a_rule_that_does_nothing(family: str, rule: str, tmp_path: Path, monkeypatch: Patch) -> None:
    if FAMILIES[family].cutter:
        monkeypatch.setattr(data.clean.chain, "_cutting", lambda family, rule, config: lambda draft: None)
    else:
        rules = {name: limits for name, limits in FAMILIES[family].rules.items() if name != rule}
        monkeypatch.setitem(FAMILIES, family, replace(FAMILIES[family], rules=rules))
    assert notices("clean", f"{family}.{rule}", tmp_path)


@pytest.mark.parametrize("number", range(len(_KINDS)), ids=lambda number: _KINDS[number].name)
def test_a_pattern_of_personal_data_that_is_not_looked_for(number: int, tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(data.clean.pii, "_KINDS", _KINDS[:number] + _KINDS[number + 1 :])
    assert notices("clean", f"pii.{_KINDS[number].name}", tmp_path)


CHECKS: list[tuple[str, Callable[..., bool]]] = [
    (f"pii.{kind.name}", kind.is_personal) for kind in _KINDS if kind.is_personal.__name__ != "<lambda>"
]


@pytest.mark.parametrize(("name", "check"), CHECKS, ids=[name for name, _ in CHECKS])
def test_personal_data_that_is_not_checked(name: str, check: Any, tmp_path: Path, monkeypatch: Patch) -> None:
    unchecked = [
        kind._replace(is_personal=lambda match: True) if kind.is_personal is check else kind for kind in _KINDS
    ]
    monkeypatch.setattr(data.clean.pii, "_KINDS", unchecked)
    assert notices("clean", name, tmp_path)
