"""Planted defects: documents that a stage must find, and a table of which stage and under which rule."""

import json
import random
from pathlib import Path

from data.documents import content_hash, document_id
from data.samples.cloze import HELD_OUT, shingles
from data.text.normalise import normalise

# Where the demo's recipe sees the files. Of two equal texts dedup keeps the one with the smaller document id.
SOTU_SOURCE, SOTU_FILE = "sotu", "../data/samples/sotu.jsonl.gz"
PLANTED_SOURCE, PLANTED_FILE = "planted", "../data/samples/planted.jsonl"
DUPLICATE_BYTES = 20_000  # The address that is planted a second time has at most so many.
NEAR_DUPLICATE_OF = "1800_john_adams"
CHANGED_WORDS = 9  # of about 1,370, far apart: each takes 5 of the shingles of 5 words, which leaves a Jaccard of 0.93
BROKEN_LINE = '{"id": "planted-broken", "text": "This record ends in the middle of a str'


def planted_defects(
    addresses: list[dict[str, object]], items: list[dict[str, object]], texts: Path
) -> tuple[bytes, dict[str, dict[str, object]]]:
    """The lines of planted.jsonl, and by planted id the stage and rule that are to find it."""
    original = _dropped_as_duplicate(addresses)
    by_id = {str(address["id"]): str(address["text"]) for address in addresses}
    near = near_duplicate(by_id[NEAR_DUPLICATE_OF])
    quoted = items[0]
    plain = {path.stem: path.read_text().strip() for path in sorted(texts.glob("*.txt"))}
    dedup, clean, collect = "dedup", "clean", "collect"
    defects: list[tuple[str, str, dict[str, object]]] = [
        ("planted-exact", by_id[original], {"stage": dedup, "rule": "exact_duplicate", "of": original}),
        ("planted-near", near, {"stage": dedup, "rule": "near_duplicate", "of": NEAR_DUPLICATE_OF}),
        ("planted-empty", " \n\t\n ", {"stage": collect, "rule": "empty"}),
        ("planted-broken", BROKEN_LINE, {"stage": collect, "rule": "quarantine"}),
        ("planted-french", plain["french"], {"stage": clean, "rule": "language"}),
        ("planted-short", plain["short"], {"stage": clean, "rule": "gopher_quality.word_count"}),
        ("planted-repetitive", plain["repetitive"], {"stage": clean, "rule": "gopher_repetition"}),
        ("planted-lorem", plain["lorem"], {"stage": clean, "rule": "c4.lorem_ipsum"}),
        ("planted-personal", plain["personal"], {"stage": clean, "rule": None, "masked": ["email", "ip"]}),
        (
            "planted-contaminated",
            plain["contaminated"].replace("QUOTATION", str(quoted["context"])),
            {"stage": dedup, "rule": "contaminated", "of": quoted["id"]},
        ),
    ]
    lines = bytearray()
    expected = {}
    for name, text, where in defects:
        line = text if text == BROKEN_LINE else json.dumps({"id": name, "text": text}, ensure_ascii=False)
        expected[name] = where | {"offset": len(lines)}
        lines += line.encode() + b"\n"
    return bytes(lines), expected


def _dropped_as_duplicate(addresses: list[dict[str, object]]) -> str:
    """An address whose copy at the start of planted.jsonl has the larger document id, so that the copy is dropped."""
    copy = document_id(PLANTED_SOURCE, f"{PLANTED_FILE}#0")
    offset = 0
    for address in addresses:
        size = len(json.dumps(address, ensure_ascii=False).encode())
        candidate = size < DUPLICATE_BYTES and address["id"] not in (NEAR_DUPLICATE_OF, *HELD_OUT)
        if candidate and document_id(SOTU_SOURCE, f"{SOTU_FILE}#{offset}") < copy:
            return str(address["id"])
        offset += size + 1
    raise AssertionError("every short address has a larger id than its copy would have")


def near_duplicate(text: str) -> str:
    """`text` with a few words replaced, and a larger content hash, so that the original survives."""
    words = text.split()
    replacements = ("certainly", "generally", "perhaps", "likewise", "truly", "often", "indeed", "surely", "largely")
    for seed in range(1000):
        chooser = random.Random(seed)
        changed = list(words)
        step = len(words) // CHANGED_WORDS
        for number in range(CHANGED_WORDS):
            plain = [
                i for i in range(number * step + 5, (number + 1) * step) if words[i].isalpha() and words[i].islower()
            ]
            changed[chooser.choice(plain)] = replacements[number]
        copy = " ".join(changed)
        if content_hash(normalise(copy)) > content_hash(normalise(text)):
            return copy
    raise AssertionError("no variant has the larger content hash")


def jaccard(first: str, second: str, length: int = 5) -> float:
    """The Jaccard similarity of two texts' shingles of `length` words."""
    one, other = shingles(first, length), shingles(second, length)
    return len(one & other) / len(one | other)
