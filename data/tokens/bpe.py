"""The vocabulary: byte-level BPE (Sennrich et al. 2016; bytes as in GPT-2), trained on a deterministic sample.

Text becomes pieces (a regular expression that keeps words, numbers and white space apart), each piece its UTF-8 bytes, each byte
a printable character, and merges are learned within pieces. Nothing is normalised: decoding gives the text back exactly.
A special token's name that stands in a text is text like any other: only the program puts special tokens into a sequence.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import xxhash
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from data.tokens.config import VocabConfig, special_tokens
from data.tokens.given_back import loss_of
from data.tokens.vocabulary import PATTERNS, Encoder, Vocabulary, load_vocabulary, take_vocabulary

MEASURED_BYTES = 2_000_000  # The report encodes about so much text of each source.
LOSS = "loss.json"
LONGEST_TOKENS = 20  # The report lists so many.


def train_tokenizer(out: Path, documents: list[Path], config: VocabConfig, seed: int) -> dict[str, Any]:
    """Train on document tables; writes `tokenizer.json` and `report.json` into `out`, returns counts.

    The sample depends on the documents' ids, the total size and `seed` alone, the result on the sample alone: neither on the
    order of the documents nor on how they are cut into files. Raises ValueError when there is no text.
    """
    totals = _bytes_by_source(documents)
    total = sum(size for _, size in totals.values())
    if total == 0:
        raise ValueError(
            "vocab: there is no text to train on; `gristmill inspect` shows what was dropped and what could not be read"
        )
    fraction = min(1.0, config.sample_mb * 1e6 / total)
    taken = {"documents": 0, "bytes": 0}

    def texts() -> Iterator[str]:
        for identifier, text, _ in _rows(documents):
            if _draw(f"vocab\0{seed}\0{identifier}") < fraction:
                taken["documents"] += 1
                taken["bytes"] += len(text.encode())
                yield text

    tokenizer = learned(texts(), config)
    if taken["bytes"] == 0:
        raise ValueError(f"sample_mb: {config.sample_mb} MB drew no document out of {total / 1e6:.1f} MB; raise it")
    tokenizer.save(str(out / "tokenizer.json"), pretty=True)
    _write_report(out, documents, totals, seed, {"sample": {"fraction": fraction, **taken}})
    count = sum(number for number, _ in totals.values())
    left_out = count - taken["documents"]
    return {
        "documents_in": count,
        "documents_out": taken["documents"],
        "dropped": {"outside_sample": left_out} if left_out else {},
        "quarantined": 0,
        "sampled_bytes": taken["bytes"],
        "vocab_size": tokenizer.get_vocab_size(),
    }


def adopt_tokenizer(out: Path, documents: list[Path], tokenizer: Path, seed: int) -> dict[str, Any]:
    """Take a `tokenizer.json` of others as it is; writes it, what has to stand beside it, and `report.json` into `out`.

    `loss.json` beside them says what its tokens lose of the documents. Returns counts. Raises ValueError when it cannot be read,
    or nothing says which of its tokens ends a text.
    """
    vocabulary = take_vocabulary(tokenizer, out)
    totals = _bytes_by_source(documents)
    loss = loss_of(vocabulary, (text for text, _ in _measured(documents, totals, seed)))
    facts = {"texts": loss.texts, "differing": loss.differing, "characters": loss.characters, "lost": loss.lost}
    told = facts | {"share": loss.share, "words": loss.describe()}
    (out / LOSS).write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    _write_report(out, documents, totals, seed, {})
    count = sum(number for number, _ in totals.values())
    kept = {"documents_in": count, "documents_out": count, "dropped": {}, "quarantined": 0}
    return {**kept, "vocab_size": vocabulary.size}


def learned(texts: Iterable[str], config: VocabConfig) -> Tokenizer:
    """A vocabulary that is trained on `texts`; it is smaller than `config.size` where they do not fill that."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERNS[config.pre_tokenizer]), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=config.size,
        min_frequency=config.min_frequency,
        special_tokens=[AddedToken(token, special=True, normalized=False) for token in special_tokens(config)],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.encode_special_tokens = True
    return tokenizer


def _write_report(
    out: Path, documents: list[Path], totals: dict[str, tuple[int, int]], seed: int, facts: dict[str, Any]
) -> None:
    report = _report(load_vocabulary(out / "tokenizer.json"), documents, totals, seed) | facts
    content = json.dumps(report, indent=1, ensure_ascii=False, sort_keys=True)
    (out / "report.json").write_text(content + "\n", encoding="utf-8")


def _report(
    vocabulary: Vocabulary, documents: list[Path], totals: dict[str, tuple[int, int]], seed: int
) -> dict[str, Any]:
    """Bytes per token by source, on about MEASURED_BYTES of each, and over all text in proportion to the sources' sizes."""
    encoder, tokenizer = Encoder(vocabulary), vocabulary.tokenizer
    measured: dict[str, list[int]] = {source: [0, 0] for source in totals}  # bytes, tokens
    for text, source in _measured(documents, totals, seed):
        measured[source][0] += len(text.encode())
        measured[source][1] += len(encoder.encode([text])[0])
    sources: dict[str, dict[str, float | None]] = {}
    for source, (size, tokens) in sorted(measured.items()):
        ratio = round(size / tokens, 4) if tokens else None
        number, total = totals[source]
        sources[source] = {"documents": number, "bytes": total, "measured_bytes": size, "bytes_per_token": ratio}
    known = [(s["bytes"], s["bytes_per_token"]) for s in sources.values() if s["bytes"] and s["bytes_per_token"]]
    overall = sum(size for size, _ in known) / sum(size / ratio for size, ratio in known) if known else None
    longest = sorted(tokenizer.get_vocab().items(), key=lambda item: (-len(item[0]), item[1]))
    longest = [(token, number) for token, number in longest if number not in tokenizer.get_added_tokens_decoder()]
    return {
        "vocab_size": vocabulary.size,
        "bytes_per_token": round(overall, 4) if overall else None,
        "sources": sources,
        "longest_tokens": [tokenizer.decode([number]) for _, number in longest[:LONGEST_TOKENS]],
    }


def _measured(documents: list[Path], totals: Mapping[str, tuple[int, int]], seed: int) -> Iterator[tuple[str, str]]:
    """Text and source of documents that are drawn, about MEASURED_BYTES of each source."""
    for identifier, text, source in _rows(documents):
        if _draw(f"report\0{seed}\0{identifier}") * totals[source][1] < MEASURED_BYTES:
            yield text, source


def _rows(documents: list[Path]) -> Iterator[tuple[str, str, str]]:
    """Id, text and source of every document, a few hundred in memory at a time."""
    for path in documents:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=256, columns=["id", "text", "source"]):
                yield from zip(*(batch.column(name).to_pylist() for name in ("id", "text", "source")), strict=True)


def _bytes_by_source(documents: list[Path]) -> dict[str, tuple[int, int]]:
    """Number of documents and bytes of text of each source."""
    totals: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for _, text, source in _rows(documents):
        number, size = totals[source]
        totals[source] = (number + 1, size + len(text.encode()))
    return dict(totals)


def _draw(key: str) -> float:
    """A number in [0, 1) that depends on `key` alone."""
    return xxhash.xxh3_64_intdigest(key.encode()) / 2**64
