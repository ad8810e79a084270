"""Cleaning: which documents are worth training on, by named families of published rules, and what is cut or masked in them.

The families run in FineWeb's order unless `chain` says otherwise: language, Gopher repetition, Gopher quality, C4, FineWeb;
the first rule that a document breaks rejects it. Personal data is masked in what is left.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data.clean.by_source import BySource
from data.clean.chain import Chain, ChainInputs, Draft, make_chain, run_all, run_chain
from data.clean.config import CleanConfig, Rules
from data.content import ContentHasher
from data.documents import REJECTED_SCHEMA, SCHEMA, add_documents, document_file
from data.profile import Profile, text_bytes
from data.tables import TableWriter, row_groups


def clean_text(text: str, rules: Rules) -> Draft:
    """`text` after all rules: turned away by the first rule that it breaks, or cut and masked."""
    draft = Draft({"text": text}, rules.words)
    run_chain(draft, make_chain(rules, ChainInputs()))
    return draft


def clean_shard(
    out: Path, documents: Path, config: CleanConfig, inputs: ChainInputs | None = None, scores: Path | None = None
) -> dict[str, Any]:
    """Clean one shard of documents, a row group at a time, each document by the rules of its source.

    Writes documents-00000.parquet (kept, with language and masked text) and, if any, rejected.parquet (whole, with the
    rule and what it measured). `scores` are the annotations of the same documents. Returns the counts of data.profile and,
    beside them, `pii` by kind and `lines_dropped` by rule, both of the kept, `bytes_in` (UTF-8 of the texts), `by_source` (see
    data.clean.by_source), and `content`, the hash of the kept in order.
    """
    chains = _Chains(config, inputs or ChainInputs())
    profile, sources, hasher, documents_in, bytes_in = Profile(), BySource(), ContentHasher(), 0, 0
    counts: dict[str, Counter[str]] = {"pii": Counter(), "lines_dropped": Counter()}
    with (
        TableWriter(out / document_file(), SCHEMA, even_empty=True) as kept_file,
        TableWriter(out / "rejected.parquet", REJECTED_SCHEMA) as rejected_file,
    ):
        for group, annotations in _row_groups(documents, scores):
            drafts = [
                Draft(row, config.rules_of(row["source"]).words, each)
                for row, each in zip(group.to_pylist(), annotations, strict=True)
            ]
            chains.run(drafts)
            sources.add(drafts)
            documents_in, bytes_in = documents_in + len(group), bytes_in + text_bytes(group["text"])
            kept, rejected = _split(group, drafts)
            profile.keep(kept)
            profile.drop(rejected)
            add_documents(hasher, kept)
            kept_file.write(kept)
            rejected_file.write(rejected)
            for draft in drafts:
                if draft.rejection is None:
                    counts["pii"].update(draft.pii)
                    counts["lines_dropped"].update(draft.lines_dropped)
    return {
        "documents_in": documents_in,
        "quarantined": 0,
        "bytes_in": bytes_in,
        **profile.counts(),
        **{name: dict(sorted(counter.items())) for name, counter in counts.items()},
        "by_source": sources.counts(),
        "content": str(hasher.content),
    }


class _Chains:
    """The chains of the sources, made as documents of them come; sources with equal rules share one."""

    def __init__(self, config: CleanConfig, inputs: ChainInputs) -> None:
        self._config, self._inputs = config, inputs
        self._made: list[Chain] = []

    def run(self, drafts: Sequence[Draft]) -> None:
        """Take each document through the chain of its source."""
        by_source: dict[str, list[Draft]] = {}
        for draft in drafts:
            by_source.setdefault(draft.row["source"], []).append(draft)
        for source, several in by_source.items():
            run_all(several, self._of(self._config.rules_of(source)))

    def _of(self, rules: Rules) -> Chain:
        found = next((chain for chain in self._made if chain.rules == rules), None)
        if found is None:
            found = make_chain(rules, self._inputs)
            self._made.append(found)
        return found


def _row_groups(documents: Path, scores: Path | None) -> Iterator[tuple[pa.Table, list[dict[str, Any]]]]:
    """The row groups of a file of documents, each with the annotations of its rows."""
    if scores is None:
        for group in row_groups(documents):
            yield group, [{}] * len(group)
        return
    for group, annotations in zip(row_groups(documents), row_groups(scores), strict=True):
        rows = annotations.to_pylist()
        assert [row.pop("id") for row in rows] == group["id"].to_pylist(), "annotations of other documents"
        yield group, rows


def _split(group: pa.Table, drafts: list[Draft]) -> tuple[pa.Table, pa.Table]:
    """The documents of a row group that are kept, as they are now, and those that are rejected, as they came."""
    columns: dict[str, list[Any]] = {
        "language": [draft.language for draft in drafts],
        "language_score": [draft.language_score for draft in drafts],
        "rule": [draft.rejection and draft.rejection.rule for draft in drafts],
        "detail": [draft.rejection and draft.rejection.detail for draft in drafts],
    }
    came = {name: group[name] for name in SCHEMA.names} | columns
    is_kept = pa.array([draft.rejection is None for draft in drafts], pa.bool_())
    rejected = pa.table([came[name] for name in REJECTED_SCHEMA.names], schema=REJECTED_SCHEMA)
    texts = [draft.text for draft in drafts]
    kept = pa.table([(came | {"text": texts})[name] for name in SCHEMA.names], schema=SCHEMA)
    return kept.filter(is_kept), rejected.filter(pc.invert(is_kept))
