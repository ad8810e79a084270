"""Long documents in parts, where a corpus has so few documents that some split of them would have none or a whole book."""

from collections.abc import Container, Iterator
from typing import Any

import pyarrow as pa

from data.dedup.config import DedupConfig, PartsConfig

# Where a text may be cut, the best first: after a paragraph, a line, a sentence (also of scripts without spaces), a word.
_ENDS = tuple(end.encode() for end in ("\n\n", "\n", ". ", "? ", "! ", "。", "！", "？", " "))


def parts_of(config: DedupConfig, documents: int) -> PartsConfig | None:
    """How long documents are cut where so many `documents` are left; None where they are many."""
    return config.parts if config.parts and documents < config.parts.under_documents else None


def cut(text: str, most: int) -> list[str]:
    """`text` in parts of at most `most` bytes of UTF-8, which joined are the text again; they are about equally long.

    A part ends at a paragraph, else at a line, a sentence or a word, whichever first stands in its second half.
    """
    content, parts, start = text.encode(), [], 0
    while len(content) - start > most:
        left = len(content) - start
        target = -(-left // -(-left // most))
        end = _end(content, start + target // 2, start + target)
        parts.append(content[start:end].decode())
        start = end
    return [*parts, content[start:].decode()]


def _end(content: bytes, first: int, last: int) -> int:
    """Where to cut between two places; between two characters where there is no better one."""
    for end in _ENDS:
        found = content.rfind(end, first, last)
        if found >= 0:
            return found + len(end)
    while content[last] & 0xC0 == 0x80:  # This byte goes on with a character.
        last -= 1
    return last


def with_parts(documents: pa.Table, whole: Container[str], config: PartsConfig) -> tuple[pa.Table, int]:
    """A table of documents with the long ones in parts, called `ID/1` and so on, and how many were cut.

    Those whose ids are in `whole` stay as they are.
    """
    rows, cuts = [], 0
    for row in documents.to_pylist():
        parts = [] if row["id"] in whole else cut(row["text"], config.kilobytes << 10)
        if len(parts) > 1:
            rows += list(_rows(row, parts))
            cuts += 1
        else:
            rows.append(row)
    return (pa.Table.from_pylist(rows, documents.schema), cuts) if cuts else (documents, 0)


def _rows(row: dict[str, Any], parts: list[str]) -> Iterator[dict[str, Any]]:
    for number, text in enumerate(parts, 1):
        yield {**row, "id": f"{row['id']}/{number}", "text": text}
