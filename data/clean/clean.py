"""Cleaning: which documents are worth training on, by named families of published rules, and what is cut or masked in them.

The families run in FineWeb's order unless `chain` says otherwise: language, Gopher repetition, Gopher quality, C4, FineWeb;
the first rule that a document breaks rejects it. Personal data is masked in what is left.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data.clean.chain import ChainInputs, Draft, make_chain, run_all, run_chain
from data.clean.config import CleanConfig
from data.content import ContentHasher
from data.documents import REJECTED_SCHEMA, SCHEMA, add_documents, document_file
from data.profile import Profile, text_bytes
from data.tables import TableWriter, row_groups


def clean_text(text: str, config: CleanConfig) -> Draft:
    """`text` after all rules: turned away by the first rule that it breaks, or cut and masked."""
    draft = Draft({"text": text}, config.words)
    run_chain(draft, make_chain(config, ChainInputs()), config.pii)
    return draft


def clean_shard(
    out: Path, documents: Path, config: CleanConfig, inputs: ChainInputs | None = None, scores: Path | None = None
) -> dict[str, Any]:
    """Clean one shard of documents, a row group at a time.

    Writes documents-00000.parquet (kept, with language and masked text) and, if any, rejected.parquet (whole, with the
    rule and what it measured). `scores` are the annotations of the same documents. Returns the counts of data.profile and,
    beside them, `pii` by kind and `lines_dropped` by rule, both of the kept, `bytes_in` (UTF-8 of the texts), and `content`, the
    hash of the kept in order.
    """
    chain = make_chain(config, inputs or ChainInputs())
    profile, hasher, documents_in, bytes_in = Profile(), ContentHasher(), 0, 0
    counts: dict[str, Counter[str]] = {"pii": Counter(), "lines_dropped": Counter()}
    with (
        TableWriter(out / document_file(), SCHEMA, even_empty=True) as kept_file,
        TableWriter(out / "rejected.parquet", REJECTED_SCHEMA) as rejected_file,
    ):
        for group, annotations in _row_groups(documents, scores):
            drafts = [Draft(row, config.words, each) for row, each in zip(group.to_pylist(), annotations, strict=True)]
            run_all(drafts, chain, config.pii)
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
        "content": str(hasher.content),
    }


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
