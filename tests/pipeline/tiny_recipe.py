"""A recipe with every stage, none of which could run, and changes of it."""

import copy
from typing import Any

TINY: dict[str, Any] = {
    "name": "tiny",
    "collect": {"sources": [{"name": "s", "path": "a.jsonl"}]},
    "clean": {
        "preset": "web",
        **{name: {} for name in ("language", "gopher_repetition", "gopher_quality", "c4", "fineweb", "pii")},
    },
    "dedup": {"minhash": {}, "contamination": {"files": ["a.jsonl"]}},
    "vocab": {"size": 512},
    "pretrain": {
        "model": {"d_model": 8, "n_heads": 2, "n_layers": 1, "max_sequence_length": 16},
        "training": {"sequence_length": 8, "global_batch": 8, "steps": 10, "warmup_steps": 1},
        "sampling": {},
    },
    "evaluate": {"tasks": [{"name": "t", "path": "a.jsonl"}]},
    "finetune": {"data": "a.jsonl"},
    "export": {},
}


def changed(recipe: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    recipe = copy.deepcopy(recipe)
    *sections, last = name.split(".")
    place = recipe
    for section in sections:
        place = place.setdefault(section, {})
        place = place[0] if isinstance(place, list) else place
    place[last] = value
    return recipe
