"""The goldens of export: networks of every family as Hugging Face folders, checked as the stage checks them."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file

from model.formats.convert_hf import export_hf
from model.formats.verify_hf import verify_hf
from pipeline.goldens.content import Golden, Values, file_content, value_content
from pipeline.goldens.networks import FAMILIES, figures, network_of
from pipeline.goldens.tokens import TRAINED

SETTINGS = ("config.json", "generation_config.json", "tokenizer_config.json")
SEQUENCE = np.arange(40, 60)
PROMPT, NEW_TOKENS = [0, 40, 50], 8


def _export(fields: dict[str, Any], folder: Path) -> Values:
    network, out = network_of(fields), folder / "hf"
    export_hf(network.state_dict(), network.config, out, TRAINED, end_id=0, pad_id=1)
    checked = verify_hf(out, network, TRAINED, [SEQUENCE], [PROMPT], NEW_TOKENS)
    weights = load_file(out / "model.safetensors")
    made: Values = {name: value_content(_settings(out / name)) for name in SETTINGS}
    return made | {
        "tokenizer.json": file_content(out / "tokenizer.json"),
        "names": value_content(sorted(weights)),
        "weights": figures(weights.items()),
        "checked": [float(checked[name]) for name in ("tokens_compared", "greedy_equal", "characters_encoded_equal")],
    }


def _settings(path: Path) -> dict[str, Any]:
    """A settings file without the version of the library that wrote it."""
    settings: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return {name: value for name, value in settings.items() if name != "transformers_version"}


GOLDENS: dict[str, Golden] = {name: partial(_export, fields) for name, fields in FAMILIES.items()}
