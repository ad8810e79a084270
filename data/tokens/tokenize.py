"""Documents to token shards: one Megatron `.bin` / `.idx` pair for each source and split, with a provenance table beside it."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.content import Content, ContentHasher
from data.tables import read_table, write_table
from data.tokens.config import TokenizeConfig
from data.tokens.splits import Split, split_of
from data.tokens.token_shards import TokenShard, TokenShardWriter, list_token_shards, token_dtype
from data.tokens.vocabulary import Encoder, load_vocabulary

BATCH_DOCUMENTS = 256  # So many documents are in memory at a time.


def check_dtype(config: TokenizeConfig, vocab_size: int) -> str:
    """The dtype of the shards, "uint16" or "int32". Raises ValueError when the ids do not fit the one that was asked for."""
    wanted = token_dtype(vocab_size).name if config.dtype == "auto" else config.dtype
    if wanted == "uint16" and vocab_size >= 65_536:
        raise ValueError(f"tokenize.dtype: uint16 holds less than 65,536 ids and there are {vocab_size:,}; use auto")
    return wanted


def tokenize_shard(
    out: Path, documents: Path, tokenizer: Path, config: TokenizeConfig, moved: Mapping[str, Split] | None = None
) -> dict[str, Any]:
    """Write `<source>-<split>.bin`, `.idx` and `.parquet` for the documents of one table; returns counts.

    `moved` has the splits of those documents, by id, that are not in that of their hash.

    Every document ends with the vocabulary's end token; a split without documents has no files. The Parquet table has, for
    each document in the order of the shard: document (its number), id, uri, license, bytes (of the text in UTF-8), tokens
    (its end included). `content` among the counts has the hash of each `<source>-<split>`: its documents' tokens in order.
    """
    moved = moved or {}
    vocabulary = load_vocabulary(tokenizer)
    encoder = Encoder(vocabulary)
    dtype = check_dtype(config, vocabulary.size)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    shards: dict[str, ShardFiles] = {}
    with ExitStack() as stack:
        table = stack.enter_context(pq.ParquetFile(documents))
        for batch in table.iter_batches(BATCH_DOCUMENTS, columns=["id", "text", "source", "uri", "license"]):
            rows = batch.to_pylist()
            for row, ids in zip(rows, encoder.encode([row["text"] for row in rows]), strict=True):
                split = moved.get(row["id"]) or split_of(row["id"], config)
                name = shard_name(row["source"], split)
                if name not in shards:
                    shards[name] = stack.enter_context(ShardFiles(out / name, dtype))
                size = len(row["text"].encode())
                document = vocabulary.document(ids)
                shards[name].append(row, document, size)
                counts["documents_by_split"][split] += 1
                counts["bytes_by_split"][split] += size
                counts["tokens_by_split"][split] += len(document)
                counts["tokens_by_source"][row["source"]] += len(document)
    number = counts["documents_by_split"].total()
    return {
        "documents_in": number,
        "documents_out": number,
        "dropped": {},
        "quarantined": 0,
        "tokens": counts["tokens_by_split"].total(),
        **{key: dict(sorted(counter.items())) for key, counter in sorted(counts.items())},
        "content": {name: str(files.content) for name, files in sorted(shards.items())},
    }


def tokens_content(folder: Path) -> dict[str, str]:
    """The content of all token shards below `folder` by `<source>-<split>`; shards of the same name follow one another."""
    hashers: dict[str, ContentHasher] = defaultdict(ContentHasher)
    for entry in list_token_shards(folder):
        shard = TokenShard.open(entry.prefix)
        for number in range(len(shard)):
            _add_document(hashers[entry.prefix.name], shard.document(number))
    return {name: str(hasher.content) for name, hasher in sorted(hashers.items())}


def _add_document(hasher: ContentHasher, tokens: np.ndarray) -> None:
    hasher.add(tokens.astype("<i4").tobytes())  # the dtype of the shard does not matter to the content


def provenance(prefix: Path, document: int) -> dict[str, Any]:
    """Where a document of a token shard comes from: id, uri, license, bytes, tokens."""
    path = Path(f"{prefix}.parquet")
    if not path.is_file():
        raise ValueError(f"{path}: no such table; it is written beside each token shard")
    table = read_table(path)
    if not 0 <= document < table.num_rows:
        raise ValueError(f"{path}: no document {document}; it has {table.num_rows:,}, counted from 0")
    return dict(table.slice(document, 1).to_pylist()[0])


class ShardFiles:
    """The three files of one token shard, written side by side as documents come."""

    def __init__(self, prefix: Path, dtype: str) -> None:

        self._path = Path(f"{prefix}.parquet")
        self._tokens = TokenShardWriter(prefix, dtype)
        self._rows: list[dict[str, Any]] = []
        self._hasher = ContentHasher()

    @property
    def content(self) -> Content:
        """The content of the documents so far."""
        return self._hasher.content

    def append(self, row: dict[str, Any], tokens: np.ndarray, size: int) -> None:
        document = {"document": len(self._rows), "bytes": size, "tokens": len(tokens)}
        self._rows.append(document | {key: row[key] for key in ("id", "uri", "license")})
        self._tokens.append(tokens)
        _add_document(self._hasher, tokens)

    def __enter__(self) -> "ShardFiles":
        self._tokens.__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:

        self._tokens.__exit__(kind, error, trace)
        if error is None:
            write_table(self._path, self._rows, _provenance_schema())


def _provenance_schema() -> pa.Schema:

    strings = [(name, pa.string()) for name in ("id", "uri", "license")]
    return pa.schema([("document", pa.int64()), *strings, ("bytes", pa.int64()), ("tokens", pa.int64())])


def shard_name(source: str, split: str) -> str:
    """The name of the files of a source's split; raises ValueError for a source whose name cannot be part of it."""
    if not source or source.startswith(".") or any(character in source for character in "/\\\0"):
        raise ValueError(f"source name {source!r} cannot be part of a file name; rename it in the recipe")
    return f"{source}-{split}"
