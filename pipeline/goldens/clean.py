"""The goldens of clean: every rule by itself on all texts, and each kind of personal data, list and step of the chain."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from data.clean.annotate import FILE, annotate_shard
from data.clean.annotate_config import AnnotateConfig
from data.clean.boilerplate import count_lines, repeated_lines
from data.clean.chain import ChainInputs
from data.clean.clean import clean_shard
from data.clean.config import CHAIN, BlockListConfig, CleanConfig, PIIConfig
from data.clean.filters.families import FAMILIES
from data.clean.resolve import resolved
from pipeline.goldens.content import Golden, Values, make_each, shards_made, value_content, write_documents
from pipeline.goldens.personal import PERSONAL
from pipeline.goldens.sources import INPUTS
from pipeline.goldens.texts import PROSE, TEXTS

BASE = INPUTS / "lists"
PARTITIONS = 2  # of the lines that are counted for boilerplate
NO_PII = dict.fromkeys(PIIConfig.model_fields)
BLOCKED = {
    "domain": "https://www.bad.example/a",
    "hosts": "http://ads.example.com/",
    "subdomain": "https://a.tracker.example/",
    "url": "http://example.net:8080/forum/thread?x=1",
    "query": "https://www.example.org/shop?item=1&page=2",
    "other": "https://good.example/forum/",
}
WORDS = {
    "word": "A Casino on the pier.",
    "phrase": "This is a very  bad phrase.",
    "sign": "Written in C++, mostly.",
    "unspaced": "这个赌场很大。",
    "within a word": "Casinos and verybad phrases.",
}
FOOTER = "Share this page with your friends, visit number {}."
REPEATED = {f"page {n}": f"Our site\n{PROSE[n * 20 : n * 20 + 90]}\n{FOOTER.format(n)}" for n in range(4)} | {
    "other": "A page without a footer."
}


NO_TEXT = {
    "control characters": "\x00\x01\x02 in a line",
    "lost characters": "caf\ufffd \ufffd\ufffd la carte",
    "unassigned characters": "\ue000\ue001\U000f0000 of a font",
    "capitals within": "aBcDeFgHiJkLmNoPqRsTuVwXyZ" * 20,
    "text": PROSE,
}


def rule_configs() -> Iterator[tuple[str, CleanConfig]]:
    """For every rule of every family a config in which it runs alone, C4's with the rules on that are off by default."""
    for family in FAMILIES.values():
        for rule in family.rules:
            sections = {"c4": {"require_end_mark": True}} if family.name == "c4" else {}
            yield f"{family.name}.{rule}", _config([f"{family.name}.{rule}"], **sections)


def _config(chain: Sequence[str], pii: Mapping[str, Any] | None = None, **sections: Any) -> CleanConfig:
    return CleanConfig.model_validate({"chain": chain, "pii": pii, **sections})


def text_configs() -> dict[str, CleanConfig]:
    """What runs on all texts, by name."""
    return {
        **dict(rule_configs()),
        "language": _config(["language"]),
        "language.all": _config(["language"], language={"allowed": []}),
        "language.paragraph": _config(["language"], language={"unit": "paragraph", "min_fraction": 0.3}),
        "c4": _config(["c4"]),
        "end_marks": _config(["fineweb"], fineweb={"end_marks": "fineweb"}),
        "words": _config(list(FAMILIES), words="punctuation"),
        "lines": _config(list(FAMILIES), lines="paragraphs"),
        "custom": _config(
            ["custom"], custom=[{"function": "rules:ends_well"}, {"function": "rules:vowels", "min": 0.25, "max": 0.33}]
        ),
        "whole chain": _config(CHAIN, pii={}),
    }


def _clean(config: CleanConfig, texts: Mapping[str, str], folder: Path, uri: str = "") -> Values:
    documents = write_documents(folder / "documents.parquet", texts, uri)
    return _clean_documents(folder, documents, config, ChainInputs(BASE))


def _clean_documents(
    folder: Path, documents: Path, config: CleanConfig, inputs: ChainInputs, scores: Path | None = None
) -> Values:
    out = folder / "shard"
    out.mkdir()
    counts = clean_shard(out, documents, config, inputs, scores)
    by_source = counts.pop("by_source")
    made = shards_made([out], [counts])
    return made | {"by_source": value_content(by_source)} if config.sources else made


def _clean_annotated(config: CleanConfig, folder: Path) -> Values:
    """Clean with the measures that annotate has taken."""
    texts = write_documents(folder / "documents.parquet", TEXTS)
    annotate = AnnotateConfig(custom=["rules:vowels"])
    annotate_shard(folder, texts, annotate, BASE)
    return _clean_documents(folder, texts, config, ChainInputs(BASE, annotate=annotate), folder / FILE)


def _clean_repeated(folder: Path) -> Values:
    """Cut out lines that repeat, counted in two partitions."""
    config = _config(["boilerplate"], boilerplate={"min_documents": 3, "min_fraction": 0.5})
    documents = write_documents(folder / "documents.parquet", REPEATED)
    count_lines(folder, documents, config, PARTITIONS)
    outs = [folder / f"repeated-{partition}" for partition in range(PARTITIONS)]
    for partition, out in enumerate(outs):
        out.mkdir()
        repeated_lines(out, [folder / "counts.parquet"], partition, config)
    repeated = [out / "repeated.parquet" for out in outs]
    return _clean_documents(folder, documents, config, ChainInputs(BASE, repeated))


def _clean_sources(folder: Path) -> Values:
    """Clean documents of two sources, each by its own rules."""
    entries = {"code": {"preset": "code"}, "pages": {"preset": "web"}}
    config = resolved(CleanConfig.model_validate({"sources": entries}), dict.fromkeys(entries))
    shards = []
    for source in entries:
        (folder / source).mkdir()
        documents = write_documents(folder / source / "documents.parquet", TEXTS, source=source)
        shards.append(_clean_documents(folder / source, documents, config, ChainInputs(BASE)))
    return {
        f"{source}/{part}": value for source, made in zip(entries, shards, strict=True) for part, value in made.items()
    }


def _clean_blocked(lists: BlockListConfig, folder: Path) -> Values:
    """Clean pages of many addresses by lists of domains or URLs."""
    config = _config(["block_lists"], block_lists=lists)
    pages = {name: partial(_clean, config, {name: PROSE}, uri=uri) for name, uri in BLOCKED.items()}
    return make_each(pages, folder)


SCORES = [{"name": "vowels", "max": 0.33}, {"name": "gopher_quality.word_count", "min": 100}]
GOLDENS: dict[str, Golden] = {
    **{name: partial(_clean, config, TEXTS) for name, config in text_configs().items()},
    "scores": partial(_clean_annotated, _config(["scores"], scores=SCORES)),
    "annotated chain": partial(_clean_annotated, _config(CHAIN, pii={})),
    "boilerplate": _clean_repeated,
    "sources": _clean_sources,
    "not_text": partial(_clean, _config([], not_text={}), NO_TEXT),
    "block_lists.domains": partial(_clean_blocked, BlockListConfig(domains=("domains.txt",))),
    "block_lists.urls": partial(_clean_blocked, BlockListConfig(urls=("urls.txt",))),
    "block_lists.words": partial(_clean, _config(["block_lists"], block_lists={"words": ["words.txt"]}), WORDS),
    **{
        f"pii.{kind}": partial(_clean, _config([], pii={**NO_PII, kind: field.default}), PERSONAL)
        for kind, field in PIIConfig.model_fields.items()
    },
    "pii": partial(_clean, _config([], pii={}), PERSONAL),
}
