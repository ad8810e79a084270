"""A look at the texts of a source: how much there is, in which languages and of which kind, and what a preset leaves of it."""

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from data.clean.chain import ChainInputs, Draft, make_chain, run_all
from data.clean.config import CleanConfig, Rules
from data.clean.language import identify
from data.clean.presets import Preset
from data.clean.resolve import resolved
from data.collect.collect import CollectShard, records_of
from data.collect.config import CollectConfig
from data.collect.fields import Document, make_document
from data.sources.config import SourceConfig
from data.sources.listing import list_files
from data.sources.record import Record
from data.sources.split import split
from data.sources.streams.byte_stream import compression_of
from data.survey.files import Group
from data.text.paragraphs import lines_as

SAMPLE_BYTES = 24 << 20  # So much text of a source is looked at; a smaller one is read as a whole.
SAMPLE_FILES = 400
LANGUAGE_CHARACTERS = 2000  # of each document
SMALL_SHARE = 0.05  # A language with less of the text is not one of the source's.
# The median of the documents' characters from which on a source is one of books: where lines are broken by hand, and where not.
BROKEN_BOOK, BOOK = 20_000, 50_000
COMPRESSED_TO = 0.3  # the stored size of text under usual compression, for files that are read in part
TURN = re.compile(r"^(?:\[[^\]\n]{1,30}\] ?)?<?[\w .-]{1,30}>?: ?\S", re.MULTILINE)


@dataclass(frozen=True)
class Look:
    """What was seen of a source. Bytes are those of the texts in UTF-8."""

    texts: tuple[str, ...]
    """The texts of the sample."""
    documents: int
    """About how many documents the whole source has."""
    bytes: int
    """About how much text it has."""
    unique_bytes: int
    """The same without copies of documents."""
    unreadable: int
    empty: int
    encodings: tuple[str, ...]
    """The encodings beside UTF-8."""
    languages: dict[str, float]
    """The share of each language in the characters, the largest first."""
    duplicates: float
    """The share of documents that stand there more than once."""
    kind: Preset
    """The preset that the texts look like."""

    @property
    def main_languages(self) -> list[str]:
        """The languages that are more than stray words."""
        return [name for name, share in self.languages.items() if share >= SMALL_SHARE]


def look_at(group: Group, folder: Path) -> Look:
    """Look at a group of files below `folder`."""
    config = CollectConfig(sources=[group.source])
    documents, outcomes, share = _sample(group.source, config, folder)
    texts = tuple(document.text.decode() for document in documents)
    languages: Counter[str] = Counter()
    for text in texts:
        languages[identify(text, LANGUAGE_CHARACTERS)[0]] += len(text)
    total = max(languages.total(), 1)
    return Look(
        texts=texts,
        documents=round(len(texts) / share),
        bytes=round(sum(len(document.text) for document in documents) / share),
        unique_bytes=round(sum(len(text) for text in {document.text for document in documents}) / share),
        unreadable=outcomes["unreadable"],
        empty=outcomes["empty"],
        encodings=tuple(sorted(name for name in outcomes if name not in ("unreadable", "empty", "utf-8"))),
        languages={name: size / total for name, size in languages.most_common()},
        duplicates=1 - len(set(texts)) / max(len(texts), 1),
        kind=_kind(texts) if group.preset == "none" else group.preset,
    )


def _sample(source: SourceConfig, config: CollectConfig, folder: Path) -> tuple[list[Document], Counter[str], float]:
    """Documents of evenly spaced files, what became of the records, and about which share of the source they are."""
    files = list_files([source], folder)
    step = max(1, len(files) // SAMPLE_FILES)
    chosen = files[::step]
    part_bytes = max(1 << 16, SAMPLE_BYTES // len(chosen))
    documents: list[Document] = []
    outcomes: Counter[str] = Counter()
    seen = 0.0
    for file in chosen:
        part = split(file, source, part_bytes)[0]
        shard = CollectShard("sample", source.name, (part,))
        held = 0
        for path, fields, record in records_of(shard, source, config):
            if held > 2 * part_bytes:
                seen += min(held * (COMPRESSED_TO if compression_of(file.path) else 1), file.bytes)
                break
            made = make_document("", f"{path}#{record.place}", record, fields, source, config.normalise)
            if isinstance(record, Record):
                outcomes[record.encoding] += 1
            if not isinstance(made, Document):
                outcomes["unreadable"] += 1
            elif not made.text:
                outcomes["empty"] += 1
            else:
                documents.append(made)
                held += len(made.text)
        else:
            seen += part.bytes
    return documents, outcomes, max(seen, 1) / max(sum(file.bytes for file in files), 1)


def _kind(texts: Sequence[str]) -> Preset:
    """The preset of plain text: `books` where they are long, `chat` where most lines are turns."""
    if not texts:
        return "none"
    lines = sum(text.count("\n") + 1 for text in texts)
    if sum(len(TURN.findall(text)) for text in texts) > lines / 2 and lines > 2 * len(texts):
        return "chat"
    broken = sum(len(text) for text in texts if _is_broken_by_hand(text))
    long = BROKEN_BOOK if 2 * broken > sum(map(len, texts)) else BOOK
    return "books" if statistics.median(map(len, texts)) > long else "none"


def _is_broken_by_hand(text: str) -> bool:
    """Whether most lines of a text end in the middle of a paragraph."""
    lines = text.count("\n") + 1
    return lines > 20 and lines_as("paragraphs", text).count("\n") + 1 < lines / 2


@dataclass(frozen=True)
class Kept:
    """What a preset leaves of a sample: the share of its bytes, and the share that each rule drops, the largest first."""

    share: float
    dropped: dict[str, float]


def kept_by(look: Look, source: SourceConfig, preset: Preset, languages: Sequence[str] | None = None) -> Kept:
    """What is left of a sample under `preset`, which keeps `languages` where it chooses by language."""
    chain = make_chain(rules_of(source, preset, languages), ChainInputs())
    drafts = [Draft({"id": "", "source": source.name, "text": text}, chain.rules.words) for text in look.texts]
    dropped: Counter[str] = Counter()
    total = kept = 0
    run_all(drafts, chain)
    for draft in drafts:
        total += len(draft.row["text"])
        if draft.rejection is None:
            kept += len(draft.text)
        else:
            dropped[draft.rejection.rule] += len(draft.row["text"])
    return Kept(kept / max(total, 1), {rule: size / max(total, 1) for rule, size in dropped.most_common()})


def rules_of(source: SourceConfig, preset: Preset, languages: Sequence[str] | None) -> Rules:
    """The rules of a preset; those of `web` keep the languages given."""
    written = {"preset": preset} | ({"language": {"allowed": list(languages)}} if languages and preset == "web" else {})
    return resolved(CleanConfig.model_validate(written), {source.name: preset}).rules_of(source.name)
