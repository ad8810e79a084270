"""Annotations: what the rules measure in each document, kept as scores, so that limits can be moved without measuring again.

They are of the documents as `collect` gives them. The measures of C4's rules are not among them: those rules cut lines, and
what they count depends on what others have cut.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from data.clean.config import FAMILIES, CleanConfig
from data.clean.custom import FUNCTION, Function, document_of, load_function
from data.clean.filters.fineweb import EndMarks, FineWebConfig
from data.clean.filters.gopher_quality import STOP_WORDS, GopherQualityConfig
from data.clean.filters.gopher_repetition import GopherRepetitionConfig
from data.content import ContentHasher
from data.text.words import WordSplitter

if TYPE_CHECKING:
    import pyarrow as pa

FILE = "annotations.parquet"


class AnnotateConfig(BaseModel):
    """What is measured. `clean` compares these measures with its limits instead of measuring again, wherever it takes them
    of a text that no step has cut yet; fields that decide about a measure have to be the same there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    families: tuple[Literal["language", "gopher_repetition", "gopher_quality", "fineweb"], ...] = (
        "language",
        "gopher_repetition",
        "gopher_quality",
        "fineweb",
    )
    words: WordSplitter = "whitespace"  # as clean.words
    characters: int = Field(default=10_000, gt=0)  # as clean.language.characters
    stop_words: tuple[str, ...] = STOP_WORDS  # as clean.gopher_quality.stop_words
    end_marks: EndMarks = "all_scripts"  # as clean.fineweb.end_marks
    short_line_length: int = Field(default=30, ge=0)  # as clean.fineweb.short_line_length
    custom: list[Annotated[str, Field(pattern=FUNCTION)]] = []
    """Functions `module:function` that give a number (or None); the score bears the function's name."""

    @field_validator("custom")
    @classmethod
    def _names_differ(cls, custom: list[str]) -> list[str]:
        names = ["id", "language", "language_score", *(function.partition(":")[2] for function in custom)]
        if len(set(names)) < len(names):
            raise ValueError("two scores have the same name; rename a function")
        return custom

    @property
    def functions(self) -> list[str]:
        """The Python functions that are named: a recipe that names any runs only behind `--allow-code`."""
        return self.custom

    @property
    def scores(self) -> list[str]:
        """The names of all scores, which are numbers."""
        names = ["language_score"] if "language" in self.families else []
        names += [f"{name}.{rule}" for name in self.families if name in FAMILIES for rule in FAMILIES[name].RULES]
        return [*names, *(function.partition(":")[2] for function in self.custom)]

    def check_fits(self, clean: CleanConfig) -> None:
        """Raise ValueError when `clean` asks for a measure to be taken in another way than it was taken here."""
        asked: dict[str, Any] = {}
        if clean.language and "language" in self.families:
            asked["language.characters"] = clean.language.characters, self.characters
            asked["language.unit"] = clean.language.unit, "document"
        if clean.gopher_quality and "gopher_quality" in self.families:
            asked["gopher_quality.stop_words"] = clean.gopher_quality.stop_words, self.stop_words
        if clean.fineweb and "fineweb" in self.families:
            asked["fineweb.end_marks"] = clean.fineweb.end_marks, self.end_marks
            asked["fineweb.short_line_length"] = clean.fineweb.short_line_length, self.short_line_length
        if FAMILIES.keys() & set(self.families):
            asked["words"] = clean.words, self.words
        for name, (wanted, measured) in asked.items():
            if wanted != measured:
                raise ValueError(
                    f"clean.{name} is {wanted!r}, and annotate has measured with {measured!r}; make them the same, or take "
                    "the family out of annotate.families"
                )


def annotate_shard(out: Path, documents: Path, config: AnnotateConfig, base: Path) -> dict[str, Any]:
    """Write annotations.parquet: a row of scores for each document, in the order and the row groups of `documents`.

    A score is null where there is nothing to measure. `base` is the folder in which the files of functions lie. Returns counts
    and, as `content`, the hash of the rows in order.
    """
    import pyarrow as pa

    from data.tables import TableWriter, row_groups

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
    from data.tables import row_groups

    hasher = ContentHasher()
    for path in paths:
        for annotations in row_groups(path):
            _add_annotations(hasher, annotations)
    return str(hasher.content)


def _add_annotations(hasher: ContentHasher, annotations: "pa.Table") -> None:
    ids, *scores = (column.to_pylist() for column in annotations.columns)
    for id, *row in zip(ids, *scores, strict=True):
        hasher.add(id.encode(), row)


def score_schema(config: AnnotateConfig) -> "pa.Schema":
    """The columns of annotations.parquet."""
    import pyarrow as pa

    texts = [("id", pa.string()), *([("language", pa.string())] if "language" in config.families else [])]
    return pa.schema([*texts, *((name, pa.float64()) for name in config.scores)])


def scores_of(row: Mapping[str, Any], config: AnnotateConfig) -> dict[str, Any]:
    """The measures of one document, by the names of their columns, its id among them."""
    from data.clean.language import identify
    from data.text.word_arrays import words_of

    scores: dict[str, Any] = {"id": row["id"]}
    text = row["text"]
    if not text.strip():
        return scores
    if "language" in config.families:
        scores["language"], scores["language_score"] = identify(text, config.characters)
    words = words_of(text, config.words)
    for name, section in _sections(config):
        family: Any = FAMILIES[name]
        scores.update({f"{name}.{rule}": value for rule, value in family.measures(text, words, section)})
    return scores


def _sections(config: AnnotateConfig) -> Iterator[tuple[str, BaseModel]]:
    sections = {
        "gopher_repetition": GopherRepetitionConfig(),
        "gopher_quality": GopherQualityConfig(stop_words=config.stop_words),
        "fineweb": FineWebConfig(end_marks=config.end_marks, short_line_length=config.short_line_length),
    }
    return ((name, section) for name, section in sections.items() if name in config.families)


def _custom_scores(row: Mapping[str, Any], functions: Mapping[str, Function]) -> dict[str, float | None]:
    scores: dict[str, float | None] = {}
    for name, function in functions.items():
        found = function(row["text"], document_of(row))
        if isinstance(found, str):
            raise ValueError(f"annotate.custom: {name} gave text for document {row['id']}; a score is a number or None")
        scores[name] = found
    return scores
