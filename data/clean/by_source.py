"""What the rules did to each source: how much came in, how much stayed, and what each rule dropped, with examples."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from data.clean.chain import Draft

EXAMPLES = 3  # So many ids are kept for each rule of a source, those of the first documents.
_NUMBERS = ("documents_in", "documents_out", "bytes_in", "bytes_out")


class BySource:
    """Adds up what became of documents, by source and rule."""

    def __init__(self) -> None:
        self._sources: dict[str, dict[str, Any]] = {}

    def add(self, drafts: Sequence[Draft]) -> None:
        """Count documents that have gone through their chain."""
        for draft in drafts:
            counts = self._sources.setdefault(draft.row["source"], _nothing())
            size = len(draft.row["text"].encode())
            counts["documents_in"] += 1
            counts["bytes_in"] += size
            if draft.rejection is None:
                counts["documents_out"] += 1
                counts["bytes_out"] += len(draft.text.encode())
            else:
                _add_rule(counts, draft.rejection.rule, 1, size, [draft.row["id"]])

    def counts(self) -> dict[str, dict[str, Any]]:
        """By source `documents_in`, `documents_out`, `bytes_in`, `bytes_out` (UTF-8), and by rule `dropped`, `bytes_dropped` and
        `examples`, the ids of the first documents that the rule dropped."""
        return self._sources


def joined_counts(shards: Iterable[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """The counts of several shards as one, in their order."""
    joined: dict[str, dict[str, Any]] = {}
    for shard in shards:
        for source, more in shard.items():
            counts = joined.setdefault(source, _nothing())
            for name in _NUMBERS:
                counts[name] += more[name]
            for rule, number in more["dropped"].items():
                _add_rule(counts, rule, number, more["bytes_dropped"][rule], more["examples"][rule])
    return {source: _sorted(counts) for source, counts in sorted(joined.items())}


def _nothing() -> dict[str, Any]:
    return {**dict.fromkeys(_NUMBERS, 0), "dropped": {}, "bytes_dropped": {}, "examples": {}}


def _add_rule(counts: dict[str, Any], rule: str, documents: int, size: int, ids: Sequence[str]) -> None:
    counts["dropped"][rule] = counts["dropped"].get(rule, 0) + documents
    counts["bytes_dropped"][rule] = counts["bytes_dropped"].get(rule, 0) + size
    counts["examples"][rule] = [*counts["examples"].get(rule, []), *ids][:EXAMPLES]


def _sorted(counts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: dict(sorted(value.items())) if isinstance(value, dict) else value for name, value in counts.items()}
