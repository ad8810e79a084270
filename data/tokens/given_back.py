"""What tokens do not give back of their texts: unknown words, dropped characters, letters made small.

A byte-level vocabulary gives everything back. Under one that does not, bits per byte counts bytes that no token stands for, and
is lower than it should be.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data.tokens.vocabulary import Vocabulary


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
