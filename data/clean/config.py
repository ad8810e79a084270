"""What the cleaning stage is told: which rules, in which order, with which limits."""

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from data.clean.block_lists import BlockListConfig
from data.clean.boilerplate import BoilerplateConfig
from data.clean.custom import FUNCTION
from data.clean.filters import c4, fineweb, gopher_quality, gopher_repetition
from data.clean.filters.c4 import C4Config
from data.clean.filters.fineweb import FineWebConfig
from data.clean.filters.gopher_quality import GopherQualityConfig
from data.clean.filters.gopher_repetition import GopherRepetitionConfig
from data.clean.language import LanguageConfig
from data.clean.pii import PIIConfig
from data.text.words import WordSplitter

CHAIN = (
    "block_lists",
    "language",
    "boilerplate",
    "gopher_repetition",
    "gopher_quality",
    "c4",
    "fineweb",
    "scores",
    "custom",
)
FAMILIES = {"gopher_repetition": gopher_repetition, "gopher_quality": gopher_quality, "c4": c4, "fineweb": fineweb}


class _Limits(BaseModel):
    """The least and the most that a number may be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min: float | None = None
    max: float | None = None


class ScoreConfig(_Limits):
    """Limits of a score that the stage `annotate` has computed: a document outside of them falls to rule `scores.<name>`."""

    name: str  # a column of the annotations: that of a custom function, or `gopher_quality.word_count` and the like

    @model_validator(mode="after")
    def _has_a_limit(self) -> "ScoreConfig":
        if self.min is None and self.max is None:
            raise ValueError(f"{self.name} has neither min nor max; give one, or leave the score out")
        return self


class CustomConfig(_Limits):
    """A rule of the user's own, `custom.<function>`; min and max are for a function that gives a number."""

    function: str = Field(pattern=FUNCTION)  # module:function, the module a file beside the recipe


class CleanConfig(BaseModel):
    """One section a family of rules; `null` switches a family off, `{}` takes its published limits."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    words: WordSplitter = "whitespace"  # how the families cut words; see data/text/words.py for what it changes
    chain: tuple[str, ...] = CHAIN
    """The order: names of sections, or of single rules of a family (`gopher_quality.word_count`). What is not named does
    not run, and a section that is null does not either. Personal data is masked in what is left at the end."""
    block_lists: BlockListConfig | None = None  # domains, URLs and words from files
    language: LanguageConfig | None = LanguageConfig()
    boilerplate: BoilerplateConfig | None = None  # lines that repeat over many documents of a source are cut out
    gopher_repetition: GopherRepetitionConfig | None = GopherRepetitionConfig()
    gopher_quality: GopherQualityConfig | None = GopherQualityConfig()
    c4: C4Config | None = C4Config()
    fineweb: FineWebConfig | None = FineWebConfig()
    scores: list[ScoreConfig] = []
    custom: list[CustomConfig] = []
    pii: PIIConfig | None = PIIConfig()

    @field_validator("chain")
    @classmethod
    def _known(cls, chain: tuple[str, ...]) -> tuple[str, ...]:
        for entry in chain:
            family, dot, rule = entry.partition(".")
            if entry in CHAIN or (family in FAMILIES and rule in FAMILIES[family].RULES):
                continue
            known = FAMILIES[family].RULES if dot and family in FAMILIES else CHAIN
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
