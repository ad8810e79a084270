"""Perplexity and bits per byte of documents: every token predicted exactly once, in sliding windows.

- A document is read on its own, after one `<|endoftext|>` as the first context, so its first token is predicted too and a
  forgotten or doubled first token cannot shift the perplexity (lm-evaluation-harness #1586, #3333).
- Documents longer than the context are scored in overlapping windows: the first scores all its tokens, each further one only
  the `stride` tokens that no window before it has scored, so that each of those sees at least `context - stride` tokens.
- Log-probabilities are taken in float32 whatever the network's data type, summed in float64, and the logits of at most
  `LOGITS_BYTES` are in memory at any time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from model.evaluation.reportable import check_scores
from model.network.network import Network

OnProgress = Callable[[int, int], None]  # it is called with what is done and the total
Encode = Callable[[Sequence[str]], list[list[int]]]  # from texts to their token ids, without special tokens

LOGITS_BYTES = 64 * 2**20  # float32 logits held at once: a GPT-2 vocabulary (50,257) gives 333 positions


@dataclass(frozen=True)
class DocumentScores:
    """One entry a document: the sum of its tokens' negative log-likelihoods in nats, its tokens and its UTF-8 bytes."""

    nats: np.ndarray  # (documents,) float64
    tokens: np.ndarray  # (documents,) int64
    bytes: np.ndarray  # (documents,) int64


@dataclass(frozen=True)
class Window:
    """Inputs `[start, end)` of a sequence, of which the predictions at `[scored, end)` count."""

    sequence: int
    start: int
    scored: int
    end: int


def score_documents(
    network: Network,
    documents: Sequence[np.ndarray],
    bytes: Sequence[int],
    start_id: int,
    context_length: int | None = None,
    batch_size: int = 8,
    stride: int | None = None,
    progress: OnProgress = lambda done, total: None,
    name: Callable[[int], str] = lambda number: f"document {number + 1}",
) -> DocumentScores:
    """Score every token of every document once, given `start_id` (what a text begins behind) and the tokens before it.

    `documents` are arrays of ids; a final `<|endoftext|>`, if there is one, is a token like the others. `bytes` are the
    documents' UTF-8 lengths. `context_length` is at most (and by default) the network's `max_sequence_length`, `stride`
    half of it by default. `progress` is told the windows done and their number.
    Raises ValueError for the first document whose score is no number; `name(i)` says which one the i-th is.
    """
    assert len(documents) == len(bytes)
    sequences = [np.concatenate([[start_id], document]) for document in documents]
    nats = score_continuations(network, sequences, [1] * len(sequences), context_length, batch_size, stride, progress)
    check_scores(nats, name)
    tokens = np.array([len(document) for document in documents], dtype=np.int64)
    return DocumentScores(nats, tokens, np.array(bytes, dtype=np.int64))


def score_continuations(
    network: Network,
    sequences: Sequence[np.ndarray],
    first: Sequence[int],
    context_length: int | None = None,
    batch_size: int = 8,
    stride: int | None = None,
    progress: OnProgress = lambda done, total: None,
) -> np.ndarray:
    """Nats (sequences,) float64 of the tokens `sequence[first:]` of each sequence, given the tokens before them; `first` >= 1.

    Raises ValueError when `context_length` or `stride` are out of bounds.
    """
    limit = network.config.max_sequence_length
    context_length = limit if context_length is None else context_length
    stride = max(1, context_length // 2) if stride is None else stride
    if not 1 <= context_length <= limit:
        raise ValueError(
            f"context_length is {context_length}: it must lie between 1 and the network's {limit} positions"
        )
    if not 1 <= stride <= context_length:
        raise ValueError(f"stride is {stride}: it must lie between 1 and context_length ({context_length})")
    spans = zip(sequences, first, strict=True)
    windows = [w for i, (ids, f) in enumerate(spans) for w in sliding_windows(i, len(ids), f, context_length, stride)]
    windows.sort(
        key=lambda window: window.start - window.end
    )  # longest first: batches of equal lengths, hardly any padding
    nats = np.zeros(len(sequences), dtype=np.float64)
    with evaluating(network):
        for start in range(0, len(windows), batch_size):
            batch = windows[start : start + batch_size]
            owners = np.concatenate([np.full(w.end - w.scored, w.sequence) for w in batch])
            np.add.at(nats, owners, window_nats(network, sequences, batch))
            progress(start + len(batch), len(windows))
    return nats


def sliding_windows(sequence: int, length: int, first: int, context_length: int, stride: int) -> Iterator[Window]:
    """The windows over the inputs of a sequence of `length` tokens that score its tokens from `first` on, each once.

    The input at position i predicts the token i + 1, so inputs run from 0 to length - 1 and the first that counts is `first - 1`.
    All windows of a sequence longer than the context are exactly `context_length` long.
    """
    assert first >= 1
    scored, inputs = first - 1, length - 1
    while scored < inputs:
        end = min(inputs, max(context_length, scored + stride))
        yield Window(sequence, max(0, end - context_length), scored, end)
        scored = end


def window_nats(network: Network, sequences: Sequence[np.ndarray], windows: list[Window]) -> np.ndarray:
    """The negative log-likelihoods of the scored tokens of a batch of windows, one after the other, float32."""
    device = next(network.parameters()).device
    longest = max(w.end - w.start for w in windows)
    tokens = np.zeros((len(windows), longest), dtype=np.int64)  # padding on the right: nothing before it can see it
    for row, w in enumerate(windows):
        tokens[row, : w.end - w.start] = sequences[w.sequence][w.start : w.end]
    targets = np.concatenate([sequences[w.sequence][w.scored + 1 : w.end + 1] for w in windows]).astype(np.int64)
    hidden = network.hidden(torch.from_numpy(tokens).to(device))  # (batch, seq, d_model)
    scored = torch.cat([hidden[row, w.scored - w.start : w.end - w.start] for row, w in enumerate(windows)])
    rows = max(1, LOGITS_BYTES // (4 * network.config.vocab_size))
    pairs = zip(scored.split(rows), torch.from_numpy(targets).to(device).split(rows), strict=True)
    losses = [F.cross_entropy(network.unembed(h).float(), t, reduction="none") for h, t in pairs]
    return torch.cat(losses).cpu().numpy()


@contextmanager
def evaluating(network: torch.nn.Module) -> Iterator[None]:
    """Dropout off and no gradients inside; the network's mode is put back after."""
    training = network.training
    network.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        network.train(training)
