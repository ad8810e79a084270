"""A fine-tuned classifier on disk: safetensors weights, a JSON description and the tokenizer; no pickle.

The folder holds `classifier.json`, `weights.safetensors` (float32) and `tokenizer.json`, and is enough by itself to predict.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from pydantic import Field, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer

from model.finetuning.classify import Classifier, predict_labels
from model.finetuning.classify_config import ClassifyConfig
from model.formats.load import check_tokenizer
from model.formats.tensors import check_finite
from model.network.config import ModelConfig
from model.network.network import Network
from model.section import Section

DESCRIPTION_BYTES = 2**24  # largest classifier.json that is read


class Description(Section):
    """The contents of `classifier.json`."""

    format: int = Field(default=1, ge=1, le=1)
    model: ModelConfig
    classify: ClassifyConfig
    labels: list[str] = Field(min_length=2)
    start_id: int = Field(ge=0)


def save_classifier(
    folder: Path, classifier: Classifier, config: ClassifyConfig, start_id: int, tokenizer: Path
) -> None:
    """Write the classifier and a copy of its `tokenizer.json`. The same weights give the same bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    description = Description(
        model=classifier.network.config, classify=config, labels=classifier.labels, start_id=start_id
    )
    contents = (
        json.dumps(
            description.model_dump(mode="json", exclude={"classify": {"evaluation_batch_size"}}),
            indent=2,
            ensure_ascii=False,
        )
        + "\n"
    )
    (folder / "classifier.json").write_text(contents, encoding="utf-8")
    weights = {name: value.float().cpu().contiguous() for name, value in classifier.state_dict().items()}
    save_file(weights, folder / "weights.safetensors")
    (folder / "tokenizer.json").write_bytes(tokenizer.read_bytes())


def load_classifier(folder: Path) -> tuple[Classifier, Description]:
    """Read what `save_classifier` wrote, in evaluation mode. Raises ValueError in one line for anything else."""
    path = folder / "classifier.json"
    if not path.is_file() or path.stat().st_size > DESCRIPTION_BYTES:
        raise ValueError(f"{folder}: no classifier.json in it; give the folder of a fine-tuned classifier")
    try:
        description = Description.model_validate_json(path.read_bytes())
        with torch.random.fork_rng(devices=[]):
            network = Network(description.model)
            config = description.classify
            classifier = Classifier(network, description.labels, config.pooling, config.dropout)
        classifier.load_state_dict(load_file(folder / "weights.safetensors"))
        for name, weight in classifier.state_dict().items():
            check_finite(folder, name, weight)
    except (ValidationError, SafetensorError, OSError, RuntimeError) as error:
        raise ValueError(f"{folder}: not a whole classifier ({' '.join(str(error).split())[:300]})") from None
    return classifier.eval(), description


def predict(folder: Path, texts: Sequence[str]) -> list[str]:
    """The class of each text, by a saved classifier. A special token's name in a text is plain text."""
    classifier, description = load_classifier(folder)
    try:
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception as error:  # the library, written in Rust, raises bare Exception
        raise ValueError(f"{folder / 'tokenizer.json'}: not a tokenizer file ({error})") from None
    check_tokenizer(classifier.network, max(tokenizer.get_vocab().values()), folder)
    tokenizer.no_truncation()  # as some are saved, with a padding to a fixed length as well
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = True

    def encode(batch: Sequence[str]) -> list[list[int]]:
        characters = [text.encode(errors="replace").decode() for text in batch]
        return [encoding.ids for encoding in tokenizer.encode_batch(characters, add_special_tokens=False)]

    return predict_labels(classifier, texts, encode, description.classify, description.start_id)
