"""Presets of clean: rules that fit a kind of text, as data. docs/presets.md says of each why it is as it is.

What is left out of a preset has the value that `Rules` has, which is FineWeb's.
"""

import os
from collections.abc import Mapping
from typing import Any, Literal

from data.sources.config import COMPRESSED, SourceConfig

Preset = Literal["none", "books", "code", "web", "wiki", "chat"]

_LABELLED: Mapping[str, Any] = {"allowed": []}  # Every language is kept, and documents are labelled with theirs.
_ONLY_TEXT: dict[str, Any] = {
    "not_text": {},
    **dict.fromkeys(("language", "gopher_repetition", "gopher_quality", "c4", "fineweb", "pii")),
}
_SECRETS = {
    "ipv4": None,
    "ipv6": None,
    "phone": None,
    "credit_card": None,
}  # E-mail addresses and keys are left to mask.
_NO_QUALITY = {
    "min_words": None,
    "max_words": None,
    "min_mean_word_length": None,
    "max_mean_word_length": None,
    "max_hashes_per_word": None,
    "max_ellipses_per_word": None,
    "max_bullet_lines": None,
    "max_ellipsis_lines": None,
    "min_alphabetic_words": None,
    "min_stop_words": None,
}
_ROWS = {f"top_{n}_gram" for n in (2, 3, 4)} | {f"duplicate_{n}_gram" for n in range(5, 11)}

PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "none": {**_ONLY_TEXT, "language": _LABELLED},
    "books": {
        **_ONLY_TEXT,
        "language": _LABELLED,
        "lines": "paragraphs",
        # Rows of words repeat the more, the longer a text is; lines repeat in verse.
        "gopher_repetition": {
            **dict.fromkeys(sorted(_ROWS)),
            "duplicate_lines": None,
            "duplicate_line_characters": None,
        },
        # Scans of tables, plates and noise have few words with letters.
        "gopher_quality": {**_NO_QUALITY, "min_alphabetic_words": 0.5},
    },
    "code": {**_ONLY_TEXT, "pii": _SECRETS},
    "web": {"not_text": {}},
    "wiki": {
        **_ONLY_TEXT,
        "language": _LABELLED,
        "gopher_quality": {**_NO_QUALITY, "min_words": 25},  # Dolma (Soldaini et al. 2024) drops shorter pages.
    },
    "chat": {**_ONLY_TEXT, "language": _LABELLED, "pii": {}},
}

BY_FORMAT: Mapping[str, Preset] = {"html": "web", "warc": "web", "epub": "books", "wikipedia": "wiki"}
_CODE = """
asm awk bash c cc clj cljs cpp cs css cu cxx d dart el elm erl ex exs f f90 fs go groovy h hh hpp hs hxx java jl js jsx kt kts
less lisp lua m mjs ml mli nim pas php pl pm ps1 py pyi pyx r rb rs s scala scm scss sh sol sql swift tcl ts tsx v vb vhd vue zig
"""
CODE_SUFFIXES = frozenset(f".{suffix}" for suffix in _CODE.split())


def default_preset(source: SourceConfig) -> Preset:
    """The preset of a source for which the recipe names none, by its formats and the suffixes of its paths.

    No file is opened, and none is looked for: of a folder nothing is known.
    """
    if source.html:
        return "web"
    found = {BY_FORMAT.get(format, "none") for format in source.formats}
    paths = [source.path] if isinstance(source.path, str) else source.path
    if source.format in ("auto", "text") and all(map(is_code, paths)):
        return "code"
    return found.pop() if len(found) == 1 else "none"


def is_code(path: str) -> bool:
    """Whether the suffix of a file's name is that of a program's source, compressed or not."""
    plain = path.lower()
    for suffix in COMPRESSED:
        plain = plain.removesuffix(suffix)
    return os.path.splitext(plain)[1] in CODE_SUFFIXES  # noqa: PTH122 (as in data.sources.config)
