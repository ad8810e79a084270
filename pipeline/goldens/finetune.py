"""The goldens of finetune: a tiny network trained to tell two kinds of texts apart, in several ways."""

import json
from functools import partial
from pathlib import Path
from typing import Any

from data.tokens.vocabulary import Encoder, load_vocabulary
from model.finetuning.classifier_files import predict, save_classifier
from model.finetuning.classify import finetune
from model.finetuning.classify_config import ClassifyConfig
from model.finetuning.examples import read_examples
from model.finetuning.scores import majority_scores
from model.finetuning.tfidf import tfidf_scores
from pipeline.goldens.content import Golden, Values, value_content
from pipeline.goldens.networks import figures, network_of
from pipeline.goldens.texts import GERMAN, PROSE
from pipeline.goldens.tokens import TRAINED

CONFIG = {
    "max_length": 16,
    "epochs": 1.5,
    "batch_size": 4,
    "learning_rate": 0.01,
    "weight_decay": 1.0,
    "warmup": 0.5,
    "gradient_clip": 0.1,
}
VARIANTS: dict[str, dict[str, Any]] = {"mean": {}, "last": {"pooling": "last"}, "no dropout": {"dropout": 0.0}}


def _write_examples(folder: Path) -> Path:
    """Sentences of two languages, of which a hash of the text holds some out."""
    texts = {"english": PROSE, "german": GERMAN}
    records = [
        {"text": " ".join(words[at : at + 8]), "label": label}
        for label, text in texts.items()
        for words in [text.split()]
        for at in range(0, len(words), 8)
    ]
    path = folder / "examples.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def _finetune(changes: dict[str, Any], pretrained: bool, folder: Path) -> Values:
    config = ClassifyConfig.model_validate(CONFIG | changes)
    examples = read_examples(_write_examples(folder), config)
    encoder = Encoder(load_vocabulary(TRAINED))
    classifier, scores = finetune(
        network_of({}),
        examples,
        encoder.encode_to_lists,
        config,
        start_id=0,
        seed=0,
        pretrained=pretrained,
    )
    save_classifier(folder / "classifier", classifier, config, 0, TRAINED)
    texts = [example.text for example in examples.test]
    return {
        "weights": figures(classifier.named_parameters()),
        "scores": [*scores.values(), *majority_scores(examples).values(), *tfidf_scores(examples).values()],
        "held out": value_content(texts),
        "predicted": value_content(predict(folder / "classifier", texts)),
    }


GOLDENS: dict[str, Golden] = {
    **{name: partial(_finetune, changes, True) for name, changes in VARIANTS.items()},
    "random weights": partial(_finetune, {}, False),
}
