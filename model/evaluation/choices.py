"""Multiple choice and cloze: which of the choices does the network find likeliest after the context?

- A choice's score is the sum of its tokens' log-likelihoods given `<|endoftext|>` and the context (Brown et al. 2020, section
  2.4). The raw sum favours short choices, so accuracy is also given with the sum divided by the choice's UTF-8 bytes,
  which unlike tokens do not depend on the vocabulary.
- Context and choice are encoded separately, so the context's tokens are the same for all choices and no token spans both.
  The white space between them goes to the choice, because a byte-level BPE keeps a space with the word that follows; where
  neither has any, one space is put (the default `target_delimiter` of lm-evaluation-harness).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np

from model.evaluation.evaluate import Encode, OnProgress, score_continuations
from model.evaluation.json_lines import read_json_lines
from model.evaluation.reportable import check_scores
from model.network.network import Network


@dataclass(frozen=True)
class Item:
    """One question; `answer` is the index of the right choice."""

    context: str
    choices: tuple[str, ...]
    answer: int
    place: str = "item"
    """Where it was read: file and line."""


@dataclass(frozen=True)
class ItemScores:
    """Of one item: each choice's log-likelihood in nats, its length in UTF-8 bytes, and the index of the right one."""

    log_likelihoods: tuple[float, ...]
    bytes: tuple[int, ...]
    answer: int
    cut: bool = False
    """Whether the beginning of the context was left out, because the network does not read so much."""

    @property
    def right(self) -> bool:
        """The likeliest choice is the answer (the first of equals counts as the likeliest)."""
        return int(np.argmax(self.log_likelihoods)) == self.answer

    @property
    def right_per_byte(self) -> bool:
        """As `right`, by log-likelihood per byte."""
        return int(np.argmax(np.divide(self.log_likelihoods, self.bytes))) == self.answer


def read_items(path: Path) -> list[Item]:
    """Read a JSON Lines file of `{"context": str, "choices": [str, ...], "answer": index}`; other fields are ignored.

    Raises ValueError naming file and line for anything that is not such an item, and for a file or line that is too large.
    """
    items = [parse_item(record, where) for where, record in read_json_lines(path)]
    if not items:
        raise ValueError(f"{path}: no items in it")
    return items


def parse_item(record: dict[str, Any], where: str) -> Item:
    """One record of a task file. Raises ValueError that begins with `where`."""
    context, choices, answer = record.get("context"), record.get("choices"), record.get("answer")
    if not isinstance(context, str):
        raise ValueError(f"{where}: `context` must be a string")
    if not is_choices(choices):
        raise ValueError(f"{where}: `choices` must be a list of two or more strings that are not blank")
    if not isinstance(answer, int) or isinstance(answer, bool) or not 0 <= answer < len(choices):
        raise ValueError(f"{where}: `answer` must be the index of a choice, 0 to {len(choices) - 1}")
    return Item(context, tuple(choices), answer, where)


def is_choices(value: Any) -> TypeGuard[list[str]]:
    return isinstance(value, list) and len(value) >= 2 and all(isinstance(c, str) and c.strip() for c in value)


def join(context: str, choice: str) -> tuple[str, str]:
    """Move the white space between context and choice to the choice; put one space where there is none."""
    head = context.rstrip()
    space = context[len(head) :]
    if head and not space and not choice[0].isspace():
        space = " "
    return head, space + choice


def score_items(
    network: Network,
    items: Sequence[Item],
    encode: Encode,
    start_id: int,
    context_length: int | None = None,
    batch_size: int = 8,
    progress: OnProgress = lambda done, total: None,
) -> list[ItemScores]:
    """Log-likelihoods of all choices of all items. A context too long is cut on the left.

    Raises ValueError with the place of the first item of which a choice has no token, or a score that is no number.
    """
    sequences, first, sizes, places = [], [], [], []
    for item in items:
        for choice in item.choices:
            head, tail = join(item.context, choice)
            # Encoded as a whole: some vocabularies put a space before every text, which a choice alone would have, too.
            whole, before = encode([head + tail, head])
            if whole == before[: len(whole)]:
                raise ValueError(f"{item.place}: the vocabulary has no token for the choice {choice!r}")
            sequences.append(np.array([start_id, *whole], dtype=np.int64))
            first.append(1 + min(len(before), len(whole) - 1))
            sizes.append(len(choice.strip().encode(errors="surrogatepass")))
            places.append(f"{item.place}: choice {choice!r}")
    log_likelihoods = -score_continuations(network, sequences, first, context_length, batch_size, progress=progress)
    check_scores(log_likelihoods, places.__getitem__)
    limit = context_length or network.config.max_sequence_length
    scores, first_choice = [], 0
    for item in items:
        mine = slice(first_choice, first_choice + len(item.choices))
        cut = any(len(sequence) - 1 > limit for sequence in sequences[mine])
        scores.append(ItemScores(tuple(map(float, log_likelihoods[mine])), tuple(sizes[mine]), item.answer, cut))
        first_choice = mine.stop
    return scores


def summary(scores: Sequence[ItemScores]) -> dict[str, float]:
    """`items`, `accuracy`, `accuracy_per_byte`, and `chance`, the accuracy of drawing a choice at random.

    Where contexts were cut, `items_cut` says of how many items.
    """
    cut = sum(s.cut for s in scores)
    return {
        "items": len(scores),
        **({"items_cut": cut} if cut else {}),
        "accuracy": float(np.mean([s.right for s in scores])),
        "accuracy_per_byte": float(np.mean([s.right_per_byte for s in scores])),
        "chance": float(np.mean([1 / len(s.bytes) for s in scores])),
    }
