"""A classification task from held-out addresses: in which half of which century was this said?

Six presidents stand for each period with their shortest address, three for training and three for testing, so that no address
and no president is in both. The task is a contamination file of the demo, so that these addresses never reach training;
passages that share eight words in a row with any other address are left out, so that no other address is lost.
"""

import random
import re

from data.samples.cloze import HELD_OUT, SHARED_WORDS, shingles

PERIODS = (
    ("1790-1849", 1850),
    ("1850-1899", 1900),
    ("1900-1949", 1950),
    ("1950-2021", 2022),
)  # each ends before a year
PRESIDENTS = 6  # of a period
PASSAGES_PER_ADDRESS = 35
MIN_WORDS, MAX_WORDS = 20, 40
SENTENCE_END = re.compile(r"(?<=[.?!]) +(?=[A-Z])")
NUMBER = re.compile(r"\d+")
SEED = 1790


def period_passages(addresses: list[dict[str, object]]) -> list[dict[str, object]]:
    """Passages of {"id", "text", "label", "split"} in random order, with every number made a 0."""
    chooser = random.Random(SEED)
    # A year would give the answer away; and numbers are all alike to the contamination rule.
    texts = {str(address["id"]): NUMBER.sub("0", str(address["text"])) for address in addresses}
    chosen = _chosen(addresses)
    own = set().union(*(shingles(texts[name], SHARED_WORDS) for name in chosen))
    shared = set().union(*(own & shingles(text, SHARED_WORDS) for name, text in texts.items() if name not in chosen))
    found: list[dict[str, object]] = []
    for name, (label, split) in chosen.items():
        passages = [p for p in _passages(texts[name]) if not shingles(p, SHARED_WORDS) & shared]
        for number in chooser.sample(range(len(passages)), min(PASSAGES_PER_ADDRESS, len(passages))):
            identifier = f"{name}-{number:03d}"
            found.append({"id": identifier, "text": passages[number], "label": label, "split": split})
    chooser.shuffle(found)
    return found


def _chosen(addresses: list[dict[str, object]]) -> dict[str, tuple[str, str]]:
    """The period and the split of each address that the task is made of."""
    chosen: dict[str, tuple[str, str]] = {}
    begin = 0
    for label, end in PERIODS:
        shortest: dict[object, tuple[int, str]] = {}
        for address in addresses:
            if begin <= int(str(address["year"])) < end and address["id"] not in HELD_OUT:
                size = (len(str(address["text"])), str(address["id"]))
                shortest[address["name"]] = min(size, shortest.get(address["name"], size))
        names = sorted(name for _, name in sorted(shortest.values())[:PRESIDENTS])  # They begin with the year.
        chosen |= {name: (label, "test" if number % 2 else "train") for number, name in enumerate(names)}
        begin = end
    return chosen


def _passages(text: str) -> list[str]:
    """Whole sentences, as many as make MIN_WORDS; what is longer than MAX_WORDS is left out."""
    passages, words = [], list[str]()
    for sentence in SENTENCE_END.split(text):
        words += sentence.split()
        if len(words) >= MIN_WORDS:
            passages += [" ".join(words)] if len(words) <= MAX_WORDS else []
            words = []
    return passages
