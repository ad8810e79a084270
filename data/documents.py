"""Documents: what passes between the data stages, as Parquet tables.

A document is a row of `SCHEMA`. Beside the documents a stage keeps what it did not pass on: rejected documents with the
rule that rejected each (`REJECTED_SCHEMA`), and records that could not be read with their error (`QUARANTINE_SCHEMA`).
"""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import xxhash

from data.content import ContentHasher
from data.tables import row_groups

SCHEMA = pa.schema(
    [
        ("id", pa.string()),  # document_id of source and locator
        ("text", pa.string()),
        ("source", pa.string()),  # name of the source in the recipe
        ("uri", pa.string()),  # where a reader finds the document: an address, or file and place in it
        ("license", pa.string()),
        ("language", pa.string()),  # null until the language is identified
        ("language_score", pa.float32()),
        ("meta", pa.string()),  # a JSON object
    ]
)
REJECTED_SCHEMA = SCHEMA.append(pa.field("rule", pa.string())).append(pa.field("detail", pa.string()))
QUARANTINE_SCHEMA = pa.schema(
    [("source", pa.string()), ("locator", pa.string()), ("error", pa.string()), ("excerpt", pa.string())]
)

DOCUMENT_FILES = "documents-*.parquet"  # pattern of the names that `document_file` gives
EXCERPT_CHARACTERS = 500  # Quarantine keeps so much of an unreadable record.


def document_id(source: str, locator: str) -> str:
    """32 hex digits that name a document by its place in its source (byte offset, row number), never in a shard."""
    return xxhash.xxh3_128_hexdigest(f"{source}\0{locator}".encode())


def content_hash(text: str) -> str:
    """32 hex digits, equal for equal texts."""
    return xxhash.xxh3_128_hexdigest(text.encode())


def document_file(number: int = 0) -> str:
    """The name of a shard's file of documents; most shards have one."""
    return f"documents-{number:05d}.parquet"


def document_files(folder: Path) -> list[Path]:
    """The files of documents below `folder`, which is a shard's or that of many shards, in order."""
    return sorted(folder.rglob(DOCUMENT_FILES))


def add_documents(hasher: ContentHasher, documents: pa.Table) -> None:
    """Add the rows of `documents`, a table of `SCHEMA`, to what `hasher` has hashed."""
    others = [documents[name].to_pylist() for name in SCHEMA.names if name != "text"]
    for text, *row in zip(documents["text"].cast(pa.binary()).to_pylist(), *others, strict=True):
        hasher.add(text, row)


def documents_content(paths: Iterable[Path]) -> str:
    """The content of the documents in these files, one file after another, whichever way they were cut into files."""
    hasher = ContentHasher()
    for path in paths:
        for documents in row_groups(path, SCHEMA.names):
            add_documents(hasher, documents)
    return str(hasher.content)
