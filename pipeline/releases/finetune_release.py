"""The command `finetune`: making a classifier of a network, and scoring it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from rich.console import Console

from data.tokens.vocabulary import Encoder, load_vocabulary
from model.finetuning.classifier_files import save_classifier
from model.finetuning.classify import compare
from model.finetuning.classify_config import ClassifyConfig
from model.finetuning.examples import read_examples
from model.formats.load import best_device, load_network
from orchestration.progress import Display
from pipeline.releases.find import Release


def finetune_release(
    release: Release, data: Path, settings: Sequence[str], folder: Path, console: Console
) -> dict[str, Any]:
    """Fine-tune a network with each seed; gives the scores and the folder. The first seed's classifier is saved in `folder`.

    `settings` are `KEY=VALUE` with fields of ClassifyConfig. Raises ValueError for a setting that is not allowed, for a file of
    examples that is missing or cannot be read, and for a folder that exists.
    """
    config = read_settings(settings)
    if not data.is_file():
        raise ValueError(f"--data {data}: there is no such file")
    if folder.exists():
        raise ValueError(f"--out {folder}: exists already; choose another folder or remove it")
    examples = read_examples(data, config)
    if examples.other_splits:
        console.print(
            f"{examples.other_splits:,} records are marked neither train nor test, and left out", highlight=False
        )
    console.print(
        f"{len(examples.train):,} texts to learn from, {len(examples.test):,} held out, {2 * len(config.seeds)} fine-tunings"
    )
    vocabulary = load_vocabulary(release.tokenizer)
    with Display(console) as display:
        classifier, scores = compare(
            load_network(release.network, device=best_device()),
            examples,
            Encoder(vocabulary).encode_to_lists,
            config,
            vocabulary.start_id,
            progress=lambda done, total: display.update("finetune", done, total, "steps"),
        )
    save_classifier(folder, classifier, config, vocabulary.start_id, release.tokenizer)
    return {**scores, "classifier": str(folder)}


def read_settings(settings: Sequence[str]) -> ClassifyConfig:
    """The config with the settings `KEY=VALUE`; raises ValueError that names the first one that is not allowed."""
    try:
        values = {key: yaml.safe_load(value) for key, _, value in (setting.partition("=") for setting in settings)}
        return ClassifyConfig.model_validate(values)
    except yaml.YAMLError as error:
        raise ValueError(f"{' '.join(settings)}: a value is not valid YAML; write KEY=VALUE") from error
    except ValidationError as error:
        first = error.errors()[0]
        known = ", ".join(ClassifyConfig.model_fields)
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}; the settings are {known}") from error
