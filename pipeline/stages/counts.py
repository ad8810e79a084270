"""What stages count, as typed values. Those of one stage alone stand in its file."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Counts(BaseModel):
    """What a stage counted. A field with a default is one that older artifacts lack, or that does not always apply."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    def as_json(self) -> dict[str, Any]:
        """The counts that the stage has given, as JSON values in the order of their names."""
        return dict(sorted(self.model_dump(mode="json", exclude_unset=True).items()))


class DocumentCounts(Counts):
    """The counts of a stage that takes documents: in = out + dropped + quarantined."""

    documents_in: int
    documents_out: int
    dropped: Mapping[str, int]
    """Documents that were not passed on, by the rule that dropped them."""
    quarantined: int
    """Records that could not be read."""


class CorpusCounts(DocumentCounts):
    """The counts of a stage that passes documents on. Bytes are those of the texts in UTF-8."""

    bytes_in: int
    bytes_out: int
    characters_out: int
    bytes_dropped: Mapping[str, int]
    documents_by_source: Mapping[str, int]
    bytes_by_source: Mapping[str, int]
    licenses: Mapping[str, int]
    """Documents that were passed on, by licence."""
    lengths_out: Mapping[str, int]
    """Documents that were passed on, by the power of two that is next below their characters."""


class RecordCounts(CorpusCounts):
    """The counts of a stage that reads the records of files."""

    encodings: Mapping[str, int] = Field(default={})
    """Records of files that are not UTF-8, by the encoding that they were read in."""
    left_out: Mapping[str, int] = Field(default={})
    """Characters of pages and articles that the extraction left out, by source and kind (`web: navigation`): of HTML those
    of the text that are no white space, of Wikipedia those of the markup."""


class LanguageCounts(CorpusCounts):
    """The counts of a stage that passes on documents whose languages may be known."""

    languages: Mapping[str, int] = Field(default={})
    languages_out: Mapping[str, int] = Field(default={})
    language_scores: Mapping[str, int] = Field(default={})
    language_scores_out: Mapping[str, int] = Field(default={})


class TokenCounts(DocumentCounts):
    """The counts of a stage that gives tokens."""

    tokens: int
    tokens_by_split: Mapping[str, int] = Field(default={})
    tokens_by_source: Mapping[str, int] = Field(default={})
    documents_by_split: Mapping[str, int] = Field(default={})
    bytes_by_split: Mapping[str, int] = Field(default={})
    completed: int = 0
    """Documents of others that lacked the vocabulary's beginning or end and got it."""
