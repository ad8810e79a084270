"""Annotations: what the rules measure in each document, kept as scores, so that limits can be moved without measuring again.

They are of the documents as `collect` gives them. The measures of C4's rules are not among them: those rules cut lines, and
what they count depends on what others have cut.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from data.clean.annotate_config import AnnotateConfig
from data.clean.custom import Function, document_of, load_function
from data.clean.language import identify
from data.content import ContentHasher
from data.tables import TableWriter, row_groups
from data.text.word_arrays import words_of

FILE = "annotations.parquet"


def annotate_shard(out: Path, documents: Path, config: AnnotateConfig, base: Path) -> dict[str, Any]:
    """Write annotations.parquet: a row of scores for each document, in the order and the row groups of `documents`.

    A score is null where there is nothing to measure. `base` is the folder in which the files of functions lie. Returns counts
    and, as `content`, the hash of the rows in order.
    """
    schema = score_schema(config)
    functions = {name.partition(":")[2]: load_function(name, base) for name in config.custom}
    hasher = ContentHasher()
    with TableWriter(out / FILE, schema, even_empty=True) as file:
        for group in row_groups(documents):
            rows = [scores_of(row, config) | _custom_scores(row, functions) for row in group.to_pylist()]
            annotations = pa.Table.from_pylist(rows, schema)
            _add_annotations(hasher, annotations)
            file.write(annotations)
    count = hasher.content.rows
    counts = {"documents_in": count, "documents_out": count, "dropped": {}, "quarantined": 0}
    return counts | {"content": str(hasher.content)}


def annotations_content(paths: Iterable[Path]) -> str:
    """The content of the annotations in these files, one file after another, whichever way they were cut into files."""
    hasher = ContentHasher()
    for path in paths:
        for annotations in row_groups(path):
            _add_annotations(hasher, annotations)
    return str(hasher.content)


def _add_annotations(hasher: ContentHasher, annotations: pa.Table) -> None:
    ids, *scores = (column.to_pylist() for column in annotations.columns)
    for id, *row in zip(ids, *scores, strict=True):
        hasher.add(id.encode(), row)


def score_schema(config: AnnotateConfig) -> pa.Schema:
    """The columns of annotations.parquet."""
    texts = [("id", pa.string()), *([("language", pa.string())] if "language" in config.families else [])]
    return pa.schema([*texts, *((name, pa.float64()) for name in config.scores)])


def scores_of(row: Mapping[str, Any], config: AnnotateConfig) -> dict[str, Any]:
    """The measures of one document, by the names of their columns, its id among them."""
    scores: dict[str, Any] = {"id": row["id"]}
    text = row["text"]
    if not text.strip():
        return scores
    if "language" in config.families:
        scores["language"], scores["language_score"] = identify(text, config.characters, config.language_model)
    words = words_of(text, config.words)
    for family, section in config.sections():
        assert family.measures is not None
        scores.update({f"{family.name}.{rule}": value for rule, value in family.measures(text, words, section)})
    return scores


def _custom_scores(row: Mapping[str, Any], functions: Mapping[str, Function]) -> dict[str, float | None]:
    scores: dict[str, float | None] = {}
    for name, function in functions.items():
        found = function(row["text"], document_of(row))
        if isinstance(found, str):
            raise ValueError(f"annotate.custom: {name} gave text for document {row['id']}; a score is a number or None")
        scores[name] = found
    return scores
