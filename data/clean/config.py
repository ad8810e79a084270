"""What the cleaning stage is told: which rules, in which order, with which limits."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from data.clean.custom import FUNCTION
from data.clean.filters.families import FAMILIES
from data.section import ANY, Needs, Section, with_fields
from data.text.words import WordSplitter

CHAIN = ("block_lists", "language", "boilerplate", *FAMILIES, "scores", "custom")

# Letters in brackets, so that no placeholder can be part of an address or a number.
Placeholder = Annotated[str, Field(pattern=r"^[<\[{][A-Za-z]+(?:[ _][A-Za-z]+)*[>\]}]$")]


class BlockListConfig(Section):
    """Files of lists; relative paths start at the recipe's folder."""

    needs: ClassVar[Needs] = {"max_words": {"words": ANY}}

    domains: tuple[str, ...] = ()  # rule blocked_domain; a domain stands for its subdomains too
    urls: tuple[str, ...] = ()  # rule blocked_url; a URL stands for what lies below it, whatever scheme, port and www.
    words: tuple[str, ...] = ()  # rule blocked_words; words and phrases in any case, not within longer words
    max_words: int = Field(default=0, ge=0)  # so many occurrences are let pass; with 0 the first one rejects, as in C4


class LanguageConfig(Section):
    """Which languages are kept, and how sure the identification has to be."""

    needs: ClassVar[Needs] = {
        "threshold": {"allowed": ANY},
        "paragraph_characters": {"unit": ("paragraph",)},
        "min_fraction": {"unit": ("paragraph",)},
    }

    allowed: tuple[str, ...] = (
        "en",
    )  # ISO 639 codes as lid.176 gives them; when empty, every language is kept and labelled
    threshold: float = Field(default=0.65, ge=0, le=1)  # least score (FineWeb)
    characters: int = Field(default=10_000, gt=0)  # the language is identified on so many characters from the start
    # document: the document is judged as a whole; paragraph: paragraphs that are surely in another language are dropped
    unit: Literal["document", "paragraph"] = "document"
    paragraph_characters: int = Field(default=200, gt=0)  # a shorter paragraph is judged with those that follow it
    # When paragraphs were dropped, at least this fraction of the document's characters has to be left.
    min_fraction: float = Field(default=0.5, ge=0, le=1)


class BoilerplateConfig(Section):
    """From when on a line that repeats is boilerplate: it has to reach both limits."""

    min_documents: int = Field(default=20, ge=2)  # the line stands in at least so many documents of a source
    min_fraction: float = Field(default=0.01, ge=0, le=1)  # and in at least this fraction of the source's documents
    min_characters: int = Field(
        default=10, gt=0
    )  # letters and marks; shorter lines always stay, and so do rows of numbers


class PIIConfig(Section):
    """The placeholder of each kind, letters in brackets; null leaves that kind as it is."""

    email: Placeholder | None = "<EMAIL>"
    ipv4: Placeholder | None = "<IP_ADDRESS>"  # public addresses; private, reserved and documentation ranges stay
    ipv6: Placeholder | None = "<IP_ADDRESS>"
    phone: Placeholder | None = "<PHONE>"  # international, and North American with area code
    credit_card: Placeholder | None = "<CREDIT_CARD>"
    aws_key: Placeholder | None = "<AWS_KEY>"  # access key ids, and secret keys beside their label
    github_token: Placeholder | None = "<GITHUB_TOKEN>"
    private_key: Placeholder | None = "<PRIVATE_KEY>"  # PEM and PGP blocks
    jwt: Placeholder | None = "<JWT>"  # signed JSON Web Tokens


class _Bounds(Section):
    """The least and the most that a number may be."""

    min: float | None = None
    max: float | None = None


class ScoreConfig(_Bounds):
    """Limits of a score that the stage `annotate` has computed: a document outside of them falls to rule `scores.<name>`."""

    name: str  # a column of the annotations, such as `gopher_quality.word_count` or a custom function's name

    @model_validator(mode="after")
    def _has_a_limit(self) -> "ScoreConfig":
        if self.min is None and self.max is None:
            raise ValueError(f"{self.name} has neither min nor max; give one, or leave the score out")
        return self


class CustomConfig(_Bounds):
    """A rule of the user's own, `custom.<function>`; min and max are for a function that gives a number."""

    function: str = Field(pattern=FUNCTION)  # module:function, where the module is a file beside the recipe


@with_fields({name: (family.config | None, family.config()) for name, family in FAMILIES.items()})
class CleanConfig(Section):
    """One section a family of rules; `null` switches a family off, `{}` takes its published limits."""

    needs: ClassVar[Needs] = {
        **{name: {"chain": (name,)} for name in ("block_lists", "language", "boilerplate", "scores", "custom")},
        **{name: {"chain": (name, *(f"{name}.{rule}" for rule in family.rules))} for name, family in FAMILIES.items()},
        "words": dict.fromkeys((name for name, family in FAMILIES.items() if family.measures), ANY),
    }

    words: WordSplitter = "whitespace"  # how the families cut words; see data/text/words.py for what it changes
    chain: tuple[str, ...] = CHAIN
    """The order: names of sections, or of single rules of a family (`gopher_quality.word_count`). What is not named does
    not run, and a section that is null does not either. Personal data is masked in what is left at the end."""
    block_lists: BlockListConfig | None = None  # domains, URLs and words from files
    language: LanguageConfig | None = LanguageConfig()
    boilerplate: BoilerplateConfig | None = None  # lines that repeat over many documents of a source are cut out
    scores: list[ScoreConfig] = Field(default=[])
    custom: list[CustomConfig] = Field(default=[])
    pii: PIIConfig | None = PIIConfig()

    @field_validator("chain")
    @classmethod
    def _known(cls, chain: tuple[str, ...]) -> tuple[str, ...]:
        for entry in chain:
            family, dot, rule = entry.partition(".")
            if entry in CHAIN or (family in FAMILIES and rule in FAMILIES[family].rules):
                continue
            known = FAMILIES[family].rules if dot and family in FAMILIES else CHAIN
            raise ValueError(f"there is nothing called {entry}; known are {', '.join(known)}")
        return chain

    @field_validator("custom")
    @classmethod
    def _names_differ(cls, custom: list[CustomConfig]) -> list[CustomConfig]:
        names = [rule.function.partition(":")[2] for rule in custom]
        if len(set(names)) < len(names):
            raise ValueError("two functions have the same name, which is the name of their rule; rename one")
        return custom

    @property
    def functions(self) -> list[str]:
        """The Python functions that are named, `module:function`: a recipe that names any runs only behind `--allow-code`."""
        return [rule.function for rule in self.custom]
