"""The text that the benchmarks on data go through: the addresses that ship with the repository, 10.8 MB."""

import gzip
import json
from pathlib import Path

SAMPLES = Path(__file__).resolve().parents[2] / "data" / "samples"
PIECE_CHARACTERS = 3000  # a usual length of a web page's text


def addresses() -> list[str]:
    """The 233 addresses, each whole."""
    with gzip.open(SAMPLES / "sotu.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def pieces() -> list[str]:
    """The addresses cut at white space into about 3,500 texts of the length of web pages."""
    found = []
    for text in addresses():
        while text:
            cut = text.rfind(" ", 0, PIECE_CHARACTERS) if len(text) > PIECE_CHARACTERS else len(text)
            cut = cut if cut > 0 else PIECE_CHARACTERS
            found.append(text[:cut].strip())
            text = text[cut:].lstrip()
    return found
