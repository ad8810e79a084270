"""How large a vocabulary some texts fill, and how many bytes a token of it has: a small one is trained on a sample to see."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from data.tokens.bpe import learned
from data.tokens.config import VocabConfig

SAMPLE_CHARACTERS = 4_000_000  # Training on so much takes seconds.
PIECE = 4096  # The sample is made of pieces of so many characters, evenly spaced.


class Filled(NamedTuple):
    """A vocabulary that was trained on a sample."""

    size: int
    """The ids that the sample fills, no more than were asked for."""
    bytes_per_token: float


def filled(texts: Sequence[str], size: int) -> Filled:
    """Train a vocabulary of `size` ids on pieces of `texts`, and encode these with it."""
    step = max(1, sum(map(len, texts)) // SAMPLE_CHARACTERS)
    sample = list(_pieces(texts))[::step]
    tokenizer = learned(sample, VocabConfig(size=size))
    tokens = sum(len(encoding) for encoding in tokenizer.encode_batch_fast(sample))
    return Filled(tokenizer.get_vocab_size(), sum(len(piece.encode()) for piece in sample) / max(tokens, 1))


def _pieces(texts: Sequence[str]) -> Iterator[str]:
    for text in texts:
        for begin in range(0, len(text), PIECE):
            yield text[begin : begin + PIECE]
