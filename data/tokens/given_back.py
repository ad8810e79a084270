"""What tokens do not give back of their texts: unknown words, dropped characters, letters made small.

A byte-level vocabulary gives everything back. Under one that does not, bits per byte counts bytes that no token stands for, and
is lower than it should be.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from data.tokens.vocabulary import Encoder, Vocabulary

# Text in which a tokenizer can lose something: capitals, numbers, runs of white space, marks on letters, other scripts, signs.
SAMPLE = (
    "The Mill of Ypres ground 1,024 sacks on 3 May; its café stayed “open” — naïvely.\n\nIt IS so.",
    "def grind(sacks):\n    for sack in sacks:\n\tif sack.rye:  # two  spaces\n        yield sack\n    return None\n",
    "Жил-был мельник. Ο μύλος αλέθει. הטחנה טוחנת. الطاحونة تطحن. चक्की पीसती है।",
    "从前有一个磨坊主。水車小屋の話です。방앗간 이야기입니다. โรงสีบดข้าว 🌾 ½ ≤ €5\n",
)
MOST_LOST = 0.001  # the share of characters up to which a tokenizer is taken without a word of the recipe's


@dataclass(frozen=True)
class Loss:
    """What does not come back from tokens: of so many characters so many, with what is lost most often and one example."""

    texts: int
    differing: int
    characters: int
    lost: int
    most: tuple[str, ...]
    example: str

    @property
    def share(self) -> float:
        """The share of the characters that are lost."""
        return self.lost / max(self.characters, 1)

    def describe(self) -> str:
        """One line on the loss."""
        most = ", ".join(repr(character) for character in self.most)
        return (
            f"{self.differing:,} of {self.texts:,} texts do not come back from their tokens, which lose {self.share:.1%} of the "
            f"characters (most often {most}); {self.example}"
        )


def loss_of(vocabulary: Vocabulary, texts: Iterable[str]) -> Loss:
    """Compare each text, white space included, with what its tokens spell."""
    encoder = Encoder(vocabulary)
    number = differing = characters = 0
    lost: Counter[str] = Counter()
    example = ""
    for text in texts:
        spelled = vocabulary.tokenizer.decode(encoder.encode([text])[0].tolist(), skip_special_tokens=True)
        number, characters = number + 1, characters + len(text)
        if spelled in (text, text.removeprefix(" ")):
            continue
        differing += 1
        lost += Counter(text) - Counter(spelled)
        example = example or _difference(text, spelled)
    return Loss(number, differing, characters, lost.total(), tuple(name for name, _ in lost.most_common(5)), example)


def _difference(text: str, spelled: str) -> str:
    """Where a text and what its tokens spell begin to differ."""
    ends = [place for place, (a, b) in enumerate(zip(text, spelled, strict=False)) if a != b]
    begin = max((ends or [min(len(text), len(spelled))])[0] - 10, 0)
    return f"{text[begin : begin + 30]!r} becomes {spelled[begin : begin + 30]!r}"


@dataclass(frozen=True)
class GivenBack:
    """Of some texts: how many there are, how many differ from what their tokens spell, and the sizes of both in bytes."""

    texts: int
    differing: int
    tokens: int
    unknown: int
    unknown_name: str
    bytes: int
    bytes_spelled: int

    def describe(self) -> str:
        """One line on what is lost; empty where nothing is."""
        if not self.differing:
            return ""
        what = f"{self.tokens:,} tokens spell {self.bytes_spelled:,} of {self.bytes:,} bytes"
        if self.unknown:
            what = f"{self.unknown:,} of {self.tokens:,} tokens are {self.unknown_name}"
        return f"the vocabulary does not give {self.differing:,} of {self.texts:,} texts back ({what}); bits per byte is left out"


def given_back(vocabulary: Vocabulary, texts: Sequence[str], ids: Sequence[np.ndarray]) -> GivenBack:
    """Compare texts with what their `ids`, each (tokens,), spell; white space is not compared."""
    name, unknown_id = _unknown(vocabulary)
    spelled = [vocabulary.tokenizer.decode(row.tolist(), skip_special_tokens=True) for row in ids]
    return GivenBack(
        texts=len(texts),
        differing=sum("".join(a.split()) != "".join(b.split()) for a, b in zip(texts, spelled, strict=True)),
        tokens=sum(map(len, ids)),
        unknown=sum(int((row == unknown_id).sum()) for row in ids),
        unknown_name=name,
        bytes=sum(len(text.encode()) for text in texts),
        bytes_spelled=sum(len(text.encode()) for text in spelled),
    )


def _unknown(vocabulary: Vocabulary) -> tuple[str, int]:
    """Name and id of the token that stands for what a vocabulary does not know; -1 where there is none."""
    model = json.loads(vocabulary.tokenizer.to_str())["model"]
    number = model.get("unk_id")  # of a Unigram model; the others have a name
    if number is None and model.get("unk_token") is not None:
        number = vocabulary.tokenizer.token_to_id(model["unk_token"])
    return ("", -1) if number is None else (str(vocabulary.tokenizer.id_to_token(number)), int(number))
