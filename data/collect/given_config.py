"""What the documents stage is told: documents of others, which have ids and clean texts already."""

from pydantic import Field, field_validator

from data.collect.config import CollectConfig
from data.section import Section
from data.sources.config import SourceConfig


class GivenSource(Section):
    """Documents that others made, as JSON Lines, Parquet or Arrow files with a text and an id in each record."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    """What the source is called in mixtures, scores and provenance."""
    path: str | list[str]
    """Files, globs, folders or URLs, compressed or not."""
    text_field: str = "text"
    """The field with the text. It is taken as it is, without extraction and normalisation."""
    id_field: str = "id"
    """The field with the id, which is kept and has to differ from all other ids of the run."""
    uri_field: str | None = None
    """The field that says where a reader finds the document; without it that is the file and the place in it."""
    license_field: str | None = None
    """The field with the document's own licence."""
    license: str = "unknown"
    """The licence of all documents without one of their own, as an SPDX identifier."""
    meta_fields: list[str] = Field(default=[])
    """Fields that are copied into `meta`."""

    @property
    def source(self) -> SourceConfig:
        """The source as readers know it."""
        return SourceConfig(**self.model_dump())


class DocumentsConfig(Section):
    """Documents of others, to begin a run with in place of sources."""

    sources: list[GivenSource] = Field(min_length=1)
    """The sources of documents, each with a name of its own."""
    shard_mb: int = Field(default=64, gt=0)
    """One task reads so much input, and one file of documents has so much text. Unit: megabytes (2^20 bytes)."""
    max_record_mb: int = Field(default=64, gt=0, le=512)
    """A longer record is quarantined, which bounds the memory of a task. Unit: megabytes (2^20 bytes)."""

    @field_validator("sources")
    @classmethod
    def _fit_readers(cls, sources: list[GivenSource]) -> list[GivenSource]:
        for source in sources:
            source.source  # noqa: B018 - it raises ValueError for a path or a name that no source may have
        return sources

    @property
    def collect(self) -> CollectConfig:
        """The sources as `collect` would be told of them. Raises ValueError when two have the same name."""
        return CollectConfig(
            sources=[source.source for source in self.sources],
            shard_mb=self.shard_mb,
            max_record_mb=self.max_record_mb,
        )
