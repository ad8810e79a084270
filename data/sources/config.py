"""What a recipe says about its sources."""

import os
import re
from typing import Literal

from pydantic import Field, field_validator, model_validator

from data.section import Section
from data.sources.streams.storage import check_url, is_url

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


class SourceConfig(Section):
    """One source of text. Relative paths start at the recipe's folder."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$")  # unique; part of every document's id
    path: str | list[str]  # files, globs (** for any depth), folders, URLs; of a dataset its folder or its hub name
    format: Literal["auto"] | Format = "auto"  # auto goes by the suffix, leaving out that of a compression
    text_field: str = (
        "text"  # for formats with fields (JSON Lines, CSV, Parquet, Arrow, datasets), like the fields below
    )
    id_field: str | None = None  # the record's own id: kept in meta under "id"
    uri_field: str | None = None  # without it a document's uri is file#place
    date_field: str | None = None  # kept in meta under "date"
    license_field: str | None = None  # the field with the record's own licence
    license: str = "unknown"  # SPDX identifier for all records without a licence of their own
    meta_fields: list[str] = Field(default=[])  # these fields are copied into meta
    documents: Literal["file", "line"] = "file"  # text only: each file, or each line, is a document
    html: bool = False  # text_field holds HTML: its main content is taken
    extractor: Literal["resiliparse", "trafilatura"] = "resiliparse"  # finds the main content of HTML
    delimiter: str | None = Field(
        default=None, min_length=1, max_length=1
    )  # CSV only; by default a comma, in .tsv files a tab
    namespaces: list[int] = Field(default=[0])  # wikipedia only: namespace 0 has the articles
    config: str | None = None  # datasets only: the configuration (subset)
    split: str = "train"  # datasets only
    revision: str | None = None  # datasets of the hub only: the commit, so that a run can be repeated

    @field_validator("path")
    @classmethod
    def _names_something(cls, path: str | list[str]) -> str | list[str]:
        if not path or not all(path):
            raise ValueError("names no file: give a path, a glob, a folder or a URL")
        for name in [path] if isinstance(path, str) else path:
            if is_url(name):
                check_url(name)
        return path

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
    def columns(self) -> tuple[str, ...]:
        """The fields that are read, the text first."""
        named = [self.text_field, self.id_field, self.uri_field, self.date_field, self.license_field, *self.meta_fields]
        return tuple(dict.fromkeys(name for name in named if name is not None))
