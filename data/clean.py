"""Cleaning: which documents are worth training on, by named families of published rules, and what is masked in them.

The families run in FineWeb's order: language, Gopher repetition, Gopher quality, C4, FineWeb; the first rule that a
document breaks rejects it. Personal data is masked in what is left.
"""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from data.filters import c4, fineweb, gopher_quality, gopher_repetition
from data.filters.c4 import C4Config
from data.filters.fineweb import FineWebConfig
from data.filters.gopher_quality import GopherQualityConfig
from data.filters.gopher_repetition import GopherRepetitionConfig
from data.filters.rejection import Rejection, below
from data.language import LanguageConfig, identify
from data.pii import PIIConfig, mask
from data.words import WordSplitter, split_words


class CleanConfig(BaseModel):
    """One section a family of rules; `null` switches a family off, `{}` takes its published thresholds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: WordSplitter = (
        "whitespace"  # how the filters cut words; "punctuation" makes every mark a word, as spaCy does
    )
    language: LanguageConfig | None = LanguageConfig()
    gopher_repetition: GopherRepetitionConfig | None = GopherRepetitionConfig()
    gopher_quality: GopherQualityConfig | None = GopherQualityConfig()
    c4: C4Config | None = C4Config()
    fineweb: FineWebConfig | None = FineWebConfig()
    pii: PIIConfig | None = PIIConfig()


@dataclass
class Cleaned:
    """What became of a document's text."""

    text: str
    rejection: Rejection | None = None  # its rule with the family before it
    language: str | None = None
    language_score: float | None = None
    pii: dict[str, int] = field(default_factory=dict)  # replacements by kind
    lines_dropped: Counter[str] = field(default_factory=Counter)  # by rule


def clean_text(text: str, config: CleanConfig) -> Cleaned:
    """`text` after all rules: rejected with the first rule that it breaks, or cut and masked."""
    cleaned = Cleaned(text)
    if not text.strip():
        cleaned.rejection = Rejection("empty", "no text")
        return cleaned
    if config.language:
        cleaned.rejection = _identify(cleaned, config.language)
    if cleaned.rejection is None:
        cleaned.rejection = _filter(cleaned, config)
    if cleaned.rejection is None and config.pii:
        cleaned.text, cleaned.pii = mask(cleaned.text, config.pii)
    return cleaned


def _identify(cleaned: Cleaned, config: LanguageConfig) -> Rejection | None:
    cleaned.language, cleaned.language_score = identify(cleaned.text, config.characters)
    if config.allowed and cleaned.language not in config.allowed:
        return Rejection("language", f"{cleaned.language} ({cleaned.language_score:.2f})")
    if config.allowed and cleaned.language_score < config.threshold:
        return below("language", cleaned.language_score, config.threshold)
    return None


def _filter(cleaned: Cleaned, config: CleanConfig) -> Rejection | None:
    """Run the families in order; C4 may cut lines out of `cleaned.text`."""
    text, words = cleaned.text, split_words(cleaned.text, config.words)
    found: Rejection | None
    if config.gopher_repetition and (found := gopher_repetition.check(text, words, config.gopher_repetition)):
        return _named("gopher_repetition", found)
    if config.gopher_quality and (found := gopher_quality.check(text, words, config.gopher_quality)):
        return _named("gopher_quality", found)
    if config.c4:
        cleaned.text, found, cleaned.lines_dropped = c4.check(text, config.c4)
        if found:
            return _named("c4", found)
        if cleaned.text != text:
            text, words = cleaned.text, split_words(cleaned.text, config.words)
    if config.fineweb and (found := fineweb.check(text, words, config.fineweb)):
        return _named("fineweb", found)
    return None


def _named(family: str, found: Rejection) -> Rejection:
    return Rejection(f"{family}.{found.rule}", found.detail)


def clean_shard(out: Path, documents: Path, config: CleanConfig) -> dict[str, Any]:
    """Clean one shard of documents.

    Writes documents-00000.parquet (kept, with language and masked text) and, if any, rejected.parquet (whole, with the
    rule and what it measured). Returns the counts of documents, and beside them the languages of all identified, the
    masked data, dropped lines and sources of the kept, and bytes (utf-8 of the texts).
    """
    from data.documents import REJECTED_SCHEMA, SCHEMA, read_table, write_table

    kept: list[dict[str, Any]] = []
    rejected: list[dict[str, Any]] = []
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in ("dropped", "languages", "pii", "lines_dropped", "documents_by_source")
    }
    bytes_in = bytes_out = 0
    for row in read_table(documents).to_pylist():
        cleaned = clean_text(row["text"], config)
        bytes_in += len(row["text"].encode())
        row |= {"language": cleaned.language, "language_score": cleaned.language_score}
        if cleaned.language:
            counts["languages"][cleaned.language] += 1
        if cleaned.rejection:
            counts["dropped"][cleaned.rejection.rule] += 1
            rejected.append(row | {"rule": cleaned.rejection.rule, "detail": cleaned.rejection.detail})
            continue
        kept.append(row | {"text": cleaned.text})
        bytes_out += len(cleaned.text.encode())
        counts["pii"].update(cleaned.pii)
        counts["lines_dropped"].update(cleaned.lines_dropped)
        counts["documents_by_source"][row["source"]] += 1
    write_table(out / "documents-00000.parquet", kept, SCHEMA)
    if rejected:
        write_table(out / "rejected.parquet", rejected, REJECTED_SCHEMA)
    return {
        "documents_in": len(kept) + len(rejected),
        "documents_out": len(kept),
        "quarantined": 0,
        "bytes_in": bytes_in,
        "bytes_out": bytes_out,
        **{name: dict(sorted(counter.items())) for name, counter in counts.items()},
    }
