"""What the deduplication stage is told: which documents count as duplicates, and which evaluation files stay out."""

from typing import ClassVar

from pydantic import Field

from data.section import ANY, Needs, Section


class MinHashConfig(Section):
    """FineWeb's profile: threshold about (1 / bands) ^ (1 / rows) = 0.72; similarity 0.8 is caught with 0.924."""

    shingle_words: int = Field(default=5, gt=0)  # normalised words in a shingle
    bands: int = Field(default=14, gt=0, le=256)
    rows: int = Field(default=8, gt=0, le=256)  # MinHash values in a band
    seed: int = Field(default=1, ge=0, lt=2**32)  # the hash functions are drawn with it


class ContaminationConfig(Section):
    """Which evaluation files training text must not share n-grams with."""

    needs: ClassVar[Needs] = {"ngram": {"files": ANY}}

    files: tuple[str, ...] = ()  # JSON Lines of evaluation tasks; every string in a record counts
    ngram: int = Field(default=13, gt=0)  # words in an n-gram


class DedupConfig(Section):
    """What counts as a duplicate; `null` switches a section off."""

    exact: bool = True  # equal texts, after Unicode normalisation (NFC)
    minhash: MinHashConfig | None = MinHashConfig()  # near-duplicates
    contamination: ContaminationConfig | None = None  # evaluation files that training text must not share n-grams with
