"""Token shards of others become ours: documents by source and split, each with its end, and a table that leads back."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from data.documents import document_id
from data.tokens.config import TokensConfig, TokenSource
from data.tokens.splits import split_of
from data.tokens.token_shards import TokenShard, token_dtype
from data.tokens.tokenize import ShardFiles, shard_name
from data.tokens.vocabulary import Vocabulary, load_vocabulary

PART_TOKENS = 2**26  # that one task takes
BATCH_DOCUMENTS = 256  # that are decoded at a time


@dataclass(frozen=True)
class TakenPart:
    """The documents `first` up to `last` of a token shard of others."""

    source: TokenSource
    prefix: Path
    name: str
    """The shard's prefix as documents name it: relative to the recipe's folder, where it lies below it."""
    first: int
    last: int


def taken_files(source: TokenSource, base: Path) -> dict[str, Path]:
    """The files of a source by name; both files of a shard are among them. Raises ValueError when it has no shard."""
    files: dict[str, Path] = {}
    for path in [source.path] if isinstance(source.path, str) else source.path:
        for prefix in _prefixes(base, path):
            for suffix in (".bin", ".idx"):
                file = Path(f"{prefix}{suffix}")
                files[_name(file, base)] = file
    return dict(sorted(files.items()))


def _prefixes(base: Path, path: str) -> list[str]:
    whole = base / path
    pattern = f"{path}/**/*.idx" if whole.is_dir() else f"{path.removesuffix('.idx').removesuffix('.bin')}.idx"
    root, below = (Path("/"), pattern.lstrip("/")) if Path(path).is_absolute() else (base, pattern)
    found = sorted(str(file)[: -len(".idx")] for file in root.glob(below))
    if not found:
        raise ValueError(f"tokens.sources: {whole}: there is no token shard (a .bin and an .idx with the same name)")
    return found


def _name(file: Path, base: Path) -> str:
    return file.relative_to(base).as_posix() if file.is_relative_to(base) else file.as_posix()


def plan_parts(config: TokensConfig, base: Path) -> list[TakenPart]:
    """The parts of all sources, each of about PART_TOKENS tokens; raises ValueError for a shard that cannot be read."""
    parts = []
    for source in config.sources:
        for name, file in taken_files(source, base).items():
            if file.suffix != ".idx":
                continue
            prefix = file.with_suffix("")
            ends = np.cumsum(TokenShard.open(prefix).lengths, dtype=np.int64)
            cuts = np.searchsorted(ends, np.arange(PART_TOKENS, ends[-1] if len(ends) else 0, PART_TOKENS)) + 1
            bounds = sorted({0, *cuts.tolist(), len(ends)})
            parts += [TakenPart(source, prefix, name[: -len(".idx")], first, last) for first, last in pairwise(bounds)]
    return parts


def take_part(out: Path, part: TakenPart, tokenizer: Path, config: TokensConfig) -> dict[str, Any]:
    """Write the documents of a part as `<source>-<split>.bin`, `.idx` and `.parquet` into `out`; gives counts.

    A document that lacks the vocabulary's beginning or end gets it (`completed`); empty ones are dropped. Raises ValueError when
    a document has an id that the vocabulary does not have.
    """
    vocabulary = load_vocabulary(tokenizer)
    dtype = token_dtype(vocabulary.size)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    files: dict[str, ShardFiles] = {}
    empty = completed = 0
    with ExitStack() as stack:
        for number, document, added, size in _documents(part, vocabulary):
            if document is None:
                empty += 1
                continue
            uri = f"{part.name}#{number}"
            row = {"id": document_id(part.source.name, uri), "uri": uri, "license": part.source.license}
            split = split_of(row["id"], config) if part.source.split == "auto" else part.source.split
            name = shard_name(part.source.name, split)
            if name not in files:
                files[name] = stack.enter_context(ShardFiles(out / name, dtype.name))
            files[name].append(row, document, size)
            completed += added
            counts["documents_by_split"][split] += 1
            counts["bytes_by_split"][split] += size
            counts["tokens_by_split"][split] += len(document)
            counts["tokens_by_source"][part.source.name] += len(document)
    return {
        "documents_in": part.last - part.first,
        "documents_out": counts["documents_by_split"].total(),
        "dropped": {"empty": empty} if empty else {},
        "quarantined": 0,
        "completed": completed,
        "tokens": counts["tokens_by_split"].total(),
        **{key: dict(sorted(counter.items())) for key, counter in sorted(counts.items())},
        "content": {name: str(shard.content) for name, shard in sorted(files.items())},
    }


def _documents(part: TakenPart, vocabulary: Vocabulary) -> Iterator[tuple[int, np.ndarray | None, bool, int]]:
    """Yield of each document its number, its ids (None: it is empty), whether any were added, and the bytes of its text."""
    shard = TokenShard.open(part.prefix)
    for first in range(part.first, part.last, BATCH_DOCUMENTS):
        numbers = range(first, min(first + BATCH_DOCUMENTS, part.last))
        taken = [np.asarray(shard.document(number)) for number in numbers]
        for number, ids in zip(numbers, taken, strict=True):
            _check_ids(part, number, ids, vocabulary)
        bare = [_bare(ids, vocabulary) for ids in taken]
        texts = vocabulary.tokenizer.decode_batch([ids.tolist() for ids in bare], skip_special_tokens=True)
        for number, theirs, ids, text in zip(numbers, taken, bare, texts, strict=True):
            document = vocabulary.document(ids) if len(ids) else None
            yield number, document, document is not None and len(document) != len(theirs), len(text.encode())


def _check_ids(part: TakenPart, number: int, ids: np.ndarray, vocabulary: Vocabulary) -> None:
    if len(ids) and not (int(ids.min()) >= 0 and int(ids.max()) < vocabulary.size):
        strange = int(ids.max()) if ids.max() >= vocabulary.size else int(ids.min())
        raise ValueError(
            f"{part.prefix}.bin: document {number} has the id {strange:,}, and the tokenizer has the ids 0 to "
            f"{vocabulary.size - 1:,}; set vocab.tokenizer to the one that made these shards"
        )


def _bare(ids: np.ndarray, vocabulary: Vocabulary) -> np.ndarray:
    """The ids of a document without its beginning and its end, where it has them."""
    if len(ids) and ids[-1] == vocabulary.end_id:
        ids = ids[:-1]
    if len(ids) and ids[0] == vocabulary.begin_id:
        ids = ids[1:]
    return ids
