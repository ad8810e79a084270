"""What the collect stage is told: the sources, and how their text is brought into one form."""

from pydantic import Field, field_validator

from data.section import Section
from data.sources.config import SourceConfig
from data.text.normalise import Normalisation


class CollectConfig(Section):
    """Where the text comes from and how it is brought into one form."""

    sources: list[SourceConfig] = Field(min_length=1)
    """The sources of text, each with a name of its own."""
    withdrawn: str | None = None
    """A text file of what is left out: each line is a document's id, a record's own id or a uri."""
    normalise: Normalisation = "ftfy"
    """How text is brought into one form: ftfy repairs mojibake, removes control characters and normalises (NFC, one kind of
    line end); nfc only normalises."""
    shard_mb: int = Field(default=64, gt=0)
    """One task reads so much input, and one file of documents has so much text. Unit: megabytes (2^20 bytes)."""
    max_record_mb: int = Field(default=64, gt=0, le=512)
    """A longer record is quarantined, which bounds the memory of a task. Unit: megabytes (2^20 bytes)."""
    max_file_gb: int = Field(default=128, gt=0)
    """A compressed file, or a part of one, may unpack to so much; what follows is not read. Unit: gigabytes (2^30 bytes)."""
    max_members: int = Field(default=1_000_000, gt=0)
    """An archive may have so many files; those that follow are not read. Unit: files."""

    @field_validator("sources")
    @classmethod
    def _unique_names(cls, sources: list[SourceConfig]) -> list[SourceConfig]:
        names = [source.name for source in sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two sources are called {name!r}: names must differ, document ids are made from them")
        return sources
