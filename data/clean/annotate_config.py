"""What the annotate stage is told: which rules measure each document, and how."""

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from data.clean.config import FAMILIES, CleanConfig
from data.clean.custom import FUNCTION
from data.clean.filters.fineweb import EndMarks
from data.clean.filters.gopher_quality import STOP_WORDS
from data.section import Section
from data.text.words import WordSplitter


class AnnotateConfig(Section):
    """What is measured. `clean` compares these measures with its limits instead of measuring again, wherever it takes them
    of a text that no step has cut yet; fields that decide about a measure have to be the same there."""

    families: tuple[Literal["language", "gopher_repetition", "gopher_quality", "fineweb"], ...] = (
        "language",
        "gopher_repetition",
        "gopher_quality",
        "fineweb",
    )
    words: WordSplitter = "whitespace"  # as clean.words
    characters: int = Field(default=10_000, gt=0)  # as clean.language.characters
    stop_words: tuple[str, ...] = STOP_WORDS  # as clean.gopher_quality.stop_words
    end_marks: EndMarks = "all_scripts"  # as clean.fineweb.end_marks
    short_line_length: int = Field(default=30, ge=0)  # as clean.fineweb.short_line_length
    custom: list[Annotated[str, Field(pattern=FUNCTION)]] = Field(default=[])
    """Functions `module:function` that give a number (or None); the score bears the function's name."""

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
        names += [f"{name}.{rule}" for name in self.families if name in FAMILIES for rule in FAMILIES[name].RULES]
        return [*names, *(function.partition(":")[2] for function in self.custom)]

    def check_fits(self, clean: CleanConfig) -> None:
        """Raise ValueError when `clean` asks for a measure to be taken in another way than it was taken here."""
        asked: dict[str, Any] = {}
        if clean.language and "language" in self.families:
            asked["language.characters"] = clean.language.characters, self.characters
            asked["language.unit"] = clean.language.unit, "document"
        if clean.gopher_quality and "gopher_quality" in self.families:
            asked["gopher_quality.stop_words"] = clean.gopher_quality.stop_words, self.stop_words
        if clean.fineweb and "fineweb" in self.families:
            asked["fineweb.end_marks"] = clean.fineweb.end_marks, self.end_marks
            asked["fineweb.short_line_length"] = clean.fineweb.short_line_length, self.short_line_length
        if FAMILIES.keys() & set(self.families):
            asked["words"] = clean.words, self.words
        for name, (wanted, measured) in asked.items():
            if wanted != measured:
                raise ValueError(
                    f"clean.{name} is {wanted!r}, and annotate has measured with {measured!r}; make them the same, or take "
                    "the family out of annotate.families"
                )
