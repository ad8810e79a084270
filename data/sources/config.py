"""What a recipe says about its sources."""

import os
import re
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from data.section import Needs, Section
from data.sources.streams.storage import check_url, is_url

AUTO = "auto"
Format = Literal["text", "jsonl", "csv", "parquet", "arrow", "html", "epub", "warc", "wikipedia", "archive", "datasets"]

FORMAT_BY_SUFFIX: dict[str, Format] = {
    ".txt": "text",
    ".text": "text",
    ".md": "text",
    ".markdown": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".html": "html",
    ".htm": "html",
    ".xhtml": "html",
    ".epub": "epub",
    ".warc": "warc",
    ".wet": "warc",
    ".zip": "archive",
    ".tar": "archive",
    ".tgz": "archive",
}
COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
WIKIPEDIA_DUMP = re.compile(r"-pages-articles[^/]*\.xml$")  # Of other XML files the name does not tell the format.
# These formats have no fields of their own: their readers fill uri, date, title, id and language.
FIXED_FIELDS: frozenset[Format] = frozenset({"text", "html", "epub", "warc", "wikipedia"})


def format_of(name: str) -> Format | None:
    """The format that the suffixes of a file's name tell, compressed or not; None when they do not."""
    plain = name.lower()
    for suffix in COMPRESSED:
        plain = plain.removesuffix(suffix)
    if WIKIPEDIA_DUMP.search(plain):
        return "wikipedia"
    return FORMAT_BY_SUFFIX.get(os.path.splitext(plain)[1])  # noqa: PTH122 (a Path each takes long for 100,000 names)


# The formats whose records have fields of their own, by names that a recipe has to know.
FIELD_FORMATS: tuple[Format, ...] = ("jsonl", "csv", "parquet", "arrow", "archive", "datasets")
WITH_FIELDS: dict[str, tuple[Any, ...]] = {"formats": FIELD_FORMATS}


class TextConfig(Section):
    """How plain text is cut into documents."""

    documents: Literal["file", "line"] = "file"
    """Each file is a document, or each line."""


class CsvConfig(Section):
    """How tables of comma-separated values are written."""

    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    """The character between two values; null stands for a comma, in `.tsv` files for a tab."""


class WikipediaConfig(Section):
    """Which pages of a Wikipedia dump are read."""

    namespaces: list[int] = Field(default=[0])
    """The numbers of the namespaces whose pages are read; 0 has the articles."""


class DatasetsConfig(Section):
    """Which part of a Hugging Face dataset is read."""

    config: str | None = None
    """The configuration (subset) of the dataset; null stands for its only one."""
    split: str = "train"
    """The split that is read."""
    revision: str | None = None
    """The commit of a dataset on the hub, which has to be given so that a run can be repeated; saved folders need none."""


class SourceConfig(Section):
    """One source of text. Relative paths start at the recipe's folder."""

    needs: ClassVar[Needs] = {
        "text": {"formats": ("text", "archive")},
        "csv": {"formats": ("csv", "archive")},
        "wikipedia": {"formats": ("wikipedia", "archive")},
        "datasets": {"formats": ("datasets",)},
        "text_field": WITH_FIELDS,
        "id_field": WITH_FIELDS,
        "uri_field": WITH_FIELDS,
        "date_field": WITH_FIELDS,
        "license_field": WITH_FIELDS,
        "meta_fields": {"formats": (*FIELD_FORMATS, "html", "epub", "warc", "wikipedia")},
        "html": {"formats": (*FIELD_FORMATS, "text")},
        "encoding": {"formats": ("text", "jsonl", "csv", "archive")},
        "extractor": {"formats": ("html", "warc", "archive"), "html": (True,)},
    }

    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    """The name of the source, which no other has: the id of each document is made from it."""
    path: str | list[str]
    """A file, a glob (`**` for any depth), a folder, a URL, or a list of these; of a dataset its folder or hub name."""
    format: Literal["auto"] | Format = "auto"
    """The format of the files; auto goes by the suffix, leaving out that of a compression."""
    text_field: str = "text"
    """The field with the text, in formats with fields (JSON Lines, CSV, Parquet, Arrow, datasets)."""
    id_field: str | None = None
    """The field with the record's own id, which is kept in meta under `id`; null: there is none."""
    uri_field: str | None = None
    """The field with the document's uri; null stands for the file and the place in it, `file#place`."""
    date_field: str | None = None
    """The field with the document's date, which is kept in meta under `date`; null: there is none."""
    license_field: str | None = None
    """The field with the record's own licence; null: all have that of `license`."""
    license: str = "unknown"
    """The SPDX identifier of the licence of all records that have none of their own."""
    meta_fields: list[str] = Field(default=[])
    """Further fields that are copied into meta."""
    html: bool = False
    """Whether the text field holds HTML, of which the main content is taken."""
    extractor: Literal["resiliparse", "trafilatura"] = "resiliparse"
    """The library that finds the main content of HTML (Bevendorff et al. 2018, or Barbaresi 2021, which is slower)."""
    encoding: str = Field(default=AUTO, json_schema_extra={"founding": AUTO})
    """How text, JSON Lines and CSV are encoded, by Python's name for it (`cp1252`, `gb18030`); auto takes UTF-8 or, where a file
    is not that, what the distribution of its bytes tells. Which were found is counted."""
    text: Annotated[TextConfig, "flat"] = TextConfig()
    """What is said of plain text only."""
    csv: Annotated[CsvConfig, "flat"] = CsvConfig()
    """What is said of CSV only."""
    wikipedia: Annotated[WikipediaConfig, "flat"] = WikipediaConfig()
    """What is said of Wikipedia dumps only."""
    datasets: Annotated[DatasetsConfig, "flat"] = DatasetsConfig()
    """What is said of Hugging Face datasets only."""

    @model_validator(mode="before")
    @classmethod
    def _fields_that_stood_beside(cls, values: Any) -> Any:
        """Recipes used to have the fields of `csv` and the other sections of a format beside the others."""
        if not isinstance(values, dict):
            return values
        values = dict(values)
        for section, model in FORMAT_SECTIONS.items():
            old = {name: values.pop(name) for name in model.model_fields if name in values}
            given = values.get(section, {})
            if old and isinstance(given, dict):
                if twice := sorted(old.keys() & given.keys()):
                    raise ValueError(f"{twice[0]} stands twice, here and in {section}; keep {section}.{twice[0]}")
                values[section] = {**given, **old}
        return values

    @field_validator("path")
    @classmethod
    def _names_something(cls, path: str | list[str]) -> str | list[str]:
        if not path or not all(path):
            raise ValueError("names no file: give a path, a glob, a folder or a URL")
        for name in [path] if isinstance(path, str) else path:
            if is_url(name):
                check_url(name)
        return path

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding(cls, encoding: str) -> str:
        try:
            if encoding != AUTO:
                "".encode(encoding)  # This refuses Python's codecs that are none of text.
        except LookupError:
            raise ValueError(f"Python knows no encoding {encoding!r}; `auto` finds it out") from None
        return encoding

    @model_validator(mode="after")
    def _one_dataset(self) -> "SourceConfig":
        if self.format == "datasets" and not isinstance(self.path, str):
            raise ValueError("with format datasets a source has one path: give each dataset a source of its own")
        return self

    @field_validator("name")
    @classmethod
    def _is_no_other_name(cls, name: str) -> str:
        if name == "all":
            raise ValueError("`all` stands for all sources together where scores are shown; choose another name")
        return name

    @property
    def formats(self) -> frozenset[str]:
        """The formats that the source's files have, as far as the recipe tells; empty when a path does not tell it."""
        if self.format != "auto":
            return frozenset({self.format})
        found = [format_of(path) for path in ([self.path] if isinstance(self.path, str) else self.path)]
        return frozenset(format for format in found if format) if all(found) else frozenset()

    @property
    def columns(self) -> tuple[str, ...]:
        """The fields that are read, the text first."""
        named = [self.text_field, self.id_field, self.uri_field, self.date_field, self.license_field, *self.meta_fields]
        return tuple(dict.fromkeys(name for name in named if name is not None))


FORMAT_SECTIONS: dict[str, type[Section]] = {
    "text": TextConfig,
    "csv": CsvConfig,
    "wikipedia": WikipediaConfig,
    "datasets": DatasetsConfig,
}
