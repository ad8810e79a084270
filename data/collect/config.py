"""What the collect stage is told: the sources, and how their text is brought into one form."""

from pydantic import Field, field_validator

from data.section import Section
from data.sources.config import SourceConfig
from data.text.normalise import Normalisation


class CollectConfig(Section):
    """Where the text comes from and how it is brought into one form."""

    sources: list[SourceConfig] = Field(min_length=1)
    withdrawn: str | None = None  # a text file with a line for each document id, record's own id or uri to leave out
    normalise: Normalisation = "ftfy"  # ftfy: mojibake, entities, control characters, NFC; nfc: NFC and newlines only
    shard_mb: int = Field(default=64, gt=0)  # one task reads so much input, and one file of documents has so much text
    max_record_mb: int = Field(default=64, gt=0, le=512)  # a longer record is quarantined; bounds a task's memory
    max_file_gb: int = Field(default=128, gt=0)  # a compressed file, or a part of one, may unpack to so much
    max_members: int = Field(default=1_000_000, gt=0)  # files in one archive; those that follow are not read

    @field_validator("sources")
    @classmethod
    def _unique_names(cls, sources: list[SourceConfig]) -> list[SourceConfig]:
        names = [source.name for source in sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two sources are called {name!r}: names must differ, document ids are made from them")
        return sources
