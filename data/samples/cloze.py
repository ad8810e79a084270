"""A multiple-choice task from three held-out addresses: which words come next?

Training text that shares n-grams with the task is removed by dedup's contamination rule, so these three addresses never
reach training, as is intended; passages that share eight words in a row with any other address are left out of the task.
"""

import random
import re

HELD_OUT = ("1862_abraham_lincoln", "1909_william_h_taft", "1985_ronald_reagan")
ITEMS_PER_ADDRESS = 50
CONTEXT_WORDS = 45
CHOICE_WORDS = 15
WRONG_CHOICES = 3
SHARED_WORDS = 8
SEED = 1790


def cloze_items(addresses: list[dict[str, object]]) -> list[dict[str, object]]:
    """Items of {"id", "context", "choices", "answer"}; context, one space and the right choice is the original text."""
    chooser = random.Random(SEED)
    texts = {str(address["id"]): str(address["text"]) for address in addresses}
    held_out = set().union(*(shingles(texts[name], SHARED_WORDS) for name in HELD_OUT))
    shared = set().union(
        *(held_out & shingles(text, SHARED_WORDS) for name, text in texts.items() if name not in HELD_OUT)
    )
    items: list[dict[str, object]] = []
    for name in HELD_OUT:
        passages = [p for p in _passages(texts[name]) if not shingles(" ".join(p), SHARED_WORDS) & shared]
        for number in sorted(chooser.sample(range(len(passages)), ITEMS_PER_ADDRESS)):
            context, right = passages[number]
            others = [ending for _, ending in passages if ending != right]
            choices = [right, *chooser.sample(others, WRONG_CHOICES)]
            chooser.shuffle(choices)
            identifier = f"{name}-{number:03d}"
            items.append({"id": identifier, "context": context, "choices": choices, "answer": choices.index(right)})
    return items


def _passages(text: str) -> list[tuple[str, str]]:
    """Passages (context, continuation) that begin with a sentence and do not overlap."""
    words = text.split()
    passages = []
    start = 0
    while start + CONTEXT_WORDS + CHOICE_WORDS <= len(words):
        middle, end = start + CONTEXT_WORDS, start + CONTEXT_WORDS + CHOICE_WORDS
        passages.append((" ".join(words[start:middle]), " ".join(words[middle:end])))
        start = next((i + 1 for i in range(end - 1, len(words)) if words[i].endswith((".", "?", "!"))), len(words))
    return passages


def shingles(text: str, length: int) -> set[tuple[str, ...]]:
    """All runs of `length` words, lower case, without punctuation."""
    words = re.findall(r"\w+", text.lower())
    return {tuple(words[i : i + length]) for i in range(len(words) - length + 1)}
