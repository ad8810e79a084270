"""What the vocabulary, the token shards and the order of the training samples are told by a recipe."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from data.section import ANY, Needs, Section

# In the vocabularies that this program trains these have the ids 0 and 1.
END_OF_TEXT = "<|endoftext|>"
PAD = "<|pad|>"


class VocabConfig(Section):
    """How the vocabulary is trained, or whose is taken."""

    needs: ClassVar[Needs] = {
        name: {"tokenizer": (None,)}
        for name in ("size", "pre_tokenizer", "special_tokens", "min_frequency", "sample_mb")
    } | {"lossy": {"tokenizer": ANY}}

    size: int = Field(16_384, gt=0, le=2**24)
    """Number of token ids, special tokens and the 256 bytes included; a small text may give fewer. Unit: ids."""
    pre_tokenizer: Literal["llama3", "gpt2"] = "llama3"
    """Which pattern cuts text into the pieces that merges stay within: Llama 3's cuts numbers into groups of 3 digits, GPT-2's
    leaves them whole."""
    special_tokens: tuple[str, ...] = ()
    """More special tokens, with ids from 2 on; <|endoftext|> is 0 and <|pad|> is 1."""
    min_frequency: int = Field(2, ge=1)
    """A pair of tokens that is seen less often is not merged. Unit: occurrences."""
    sample_mb: float = Field(200.0, gt=0)
    """So much text is trained on, drawn by document; when there is less, all of it. Unit: megabytes."""
    tokenizer: str | None = None
    """Somebody else's tokenizer.json, or the Hugging Face folder with one: it is taken as it is, and nothing is trained."""
    lossy: Annotated[bool, "display"] = False
    """Whether a tokenizer is taken that loses text, such as capitals, line ends or characters without a token; where more than
    one character in a thousand is lost, it is refused otherwise."""

    @model_validator(mode="after")
    def _room_for_bytes(self) -> "VocabConfig":
        special = special_tokens(self)
        if len(set(special)) < len(special) or "" in special:
            raise ValueError(
                "special_tokens: each must be non-empty and differ from the others and from the two built in"
            )
        if self.size < 256 + len(special):
            raise ValueError(f"size: {self.size} is too small; 256 bytes and {len(special)} special tokens must fit")
        return self


def special_tokens(config: VocabConfig) -> list[str]:
    """All special tokens; the place in the list is the id."""
    return [END_OF_TEXT, PAD, *config.special_tokens]


class Splits(Section):
    """The shares of the documents that are not trained on."""

    validation: float = Field(0.005, ge=0, lt=1)
    """So many documents are held out for the loss during training. Unit: share of the documents."""
    test: float = Field(0.005, ge=0, lt=1)
    """So many documents are held out for evaluation. Unit: share of the documents."""

    @model_validator(mode="after")
    def _something_left(self) -> Self:
        if self.validation + self.test >= 1:
            raise ValueError(f"validation + test: {self.validation} + {self.test} leave nothing to train on")
        return self


class TokenizeConfig(Splits):
    """How documents are split and stored as tokens. A split that would be empty gets its share, at least one document, of the
    largest split."""

    dtype: Literal["auto", "uint16", "int32"] = "auto"
    """How token ids are stored; auto takes uint16 below 65,536 ids, else int32."""


class TokenSource(Section):
    """Token shards of others: pairs of .bin and .idx in the format of Megatron-LM."""

    name: str = Field(pattern=r"^[a-z0-9_-]+$")
    """What the source is called in mixtures, scores and provenance."""
    path: str | list[str]
    """Files (.idx or .bin), their common beginnings, globs or folders."""
    split: Literal["auto", "train", "validation", "test"] = "auto"
    """The split that all documents belong to; auto draws it for each by a hash, with the shares of the section."""
    license: str = "unknown"
    """The licence of all documents, as an SPDX identifier."""


class TokensConfig(Splits):
    """Token shards that others made, to train on or to score. `vocab.tokenizer` names the tokenizer that made them."""

    sources: list[TokenSource] = Field(min_length=1)
    """The sources of token shards, each with a name of its own."""

    @field_validator("sources")
    @classmethod
    def _names_differ(cls, sources: list[TokenSource]) -> list[TokenSource]:
        names = [source.name for source in sources]
        for number, name in enumerate(names):
            if name in names[:number] or name == "all":
                raise ValueError(f"the name {name!r} is taken; choose another")
        return sources


class SamplingConfig(Section):
    """The mixture of sources and the order of its samples."""

    weights: dict[str, float] | None = None
    """The share of each source in the samples, by its name, scaled to sum 1; null takes every window once."""
    seed: int = Field(0, ge=0)
    """Seed of the order of the samples."""

    @field_validator("weights")
    @classmethod
    def _positive(cls, weights: dict[str, float] | None) -> dict[str, float] | None:
        for source, weight in (weights or {}).items():
            if not 0 <= weight < float("inf"):
                raise ValueError(f"weight of {source!r} must be a number not below 0, not {weight}")
        if weights is not None and not any(weights.values()):
            raise ValueError("weights must have one above 0; leave them out to go once through every source")
        return weights
