"""What the deduplication stage is told: which documents count as duplicates, and which evaluation files stay out."""

from typing import ClassVar

from pydantic import Field

from data.section import ANY, Needs, Section
from data.text.words import Numbers


class MinHashConfig(Section):
    """Near-duplicates by MinHash: at about (1 / bands) ^ (1 / rows) = 0.72 of common shingles two documents are as likely
    found as not; a pair that shares 0.8 of them is found with probability 0.924. Source: FineWeb (Penedo et al. 2024)."""

    shingle_words: int = Field(default=5, gt=0)
    """How many normalised words in a row make a shingle; in scripts without spaces each letter is a word. Unit: words."""
    numbers: Numbers = Field("zero", json_schema_extra={"founding": "zero"})
    """With zero all numbers are alike, as in texts that differ in dates and counters; with keep they count as they are written,
    as in tables, exercises and reports. Source: datatrove (zero)."""
    bands: int = Field(default=14, gt=0, le=256)
    """Number of bands; two documents that agree in all rows of one band are duplicates. More bands find less similar ones."""
    rows: int = Field(default=8, gt=0, le=256)
    """Number of MinHash values in a band. More rows find only more similar documents."""
    seed: int = Field(default=1, ge=0, lt=2**32)
    """The hash functions are drawn with this seed. Source: datatrove."""


class ContaminationConfig(Section):
    """Which evaluation files training text must not share n-grams with."""

    needs: ClassVar[Needs] = {"ngram": {"files": ANY}, "min_item_words": {"files": ANY}}

    files: tuple[str, ...] = ()
    """Files of evaluation tasks, JSON Lines, an item a line; the strings of an item count in their order as one text."""
    ngram: int = Field(default=13, gt=0)
    """A document that shares so many normalised words in a row with an item is dropped; a row that is mostly numbers counts
    for nothing, and in scripts without spaces 2 or 4 letters are a word. Unit: words. Source: Brown et al. 2020, appendix C."""
    min_item_words: int | None = Field(8, gt=0, json_schema_extra={"founding": None})
    """Of an item, or a string of one, that is shorter than `ngram` but not than this a document must have the whole to be
    dropped; a shorter one drops nothing, and with null none does. Unit: words. Source: Brown et al. 2020, appendix C."""


class PartsConfig(Section):
    """When long documents are cut into parts, each a document called `ID/1` and so on, so that a few books can be split."""

    under_documents: int = Field(default=1000, gt=0)
    """Documents are cut only where fewer are left when duplicates are dropped. Unit: documents."""
    kilobytes: int = Field(default=16, gt=0)
    """A document with more text is cut at ends of paragraphs, else of lines, sentences or words, into parts of at most so much.
    Unit: kilobytes (2^10 bytes)."""


class DedupConfig(Section):
    """What counts as a duplicate; `null` switches a section off."""

    exact: bool = True
    """Whether only the first of equal texts is kept; texts are compared after Unicode normalisation (NFC)."""
    minhash: MinHashConfig | None = MinHashConfig()
    """Near-duplicates by MinHash, of which one is kept; null looks for none."""
    contamination: ContaminationConfig | None = None
    """Evaluation files that training text must not share n-grams with; null has none."""
    parts: PartsConfig | None = Field(PartsConfig(), json_schema_extra={"founding": None})
    """Long documents in parts, where there are few; null cuts none."""
