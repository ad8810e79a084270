"""The command `finetune`: making a classifier of a network, and scoring it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from rich.console import Console

from data.tokens.vocabulary import Encoder
from model.finetuning.classifier_files import save_classifier
from model.finetuning.classify import compare, count_cut, describe_cut
from model.finetuning.classify_config import ClassifyConfig
from model.finetuning.examples import read_examples
from orchestration.progress import Display
from pipeline.releases.find import Release
from pipeline.releases.new_folder import new_folder
from pipeline.releases.open import open_release


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
    examples = read_examples(data, config)
    with new_folder(folder, "--out") as out:
        network, vocabulary = open_release(release)
        encode = Encoder(vocabulary).encode_to_lists
        texts = [example.text for example in (*examples.train, *examples.test)]
        cut = count_cut(texts, encode, config)
        if examples.left_out:
            records = "1 record is" if examples.left_out == 1 else f"{examples.left_out:,} records are"
            console.print(f"{records} marked neither train nor test, and left out", highlight=False)
        if cut:
            console.print(describe_cut(cut, len(texts), config), highlight=False)
        console.print(
            f"{len(examples.train):,} texts to learn from, {len(examples.test):,} held out, {2 * len(config.seeds)} fine-tunings"
        )
        with Display(console) as display:
            classifier, scores = compare(
                network,
                examples,
                encode,
                config,
                vocabulary.start_id,
                progress=lambda done, total: display.update("finetune", done, total, "steps"),
            )
        save_classifier(out, classifier, config, vocabulary.start_id, release.tokenizer)
    return {**scores, "texts_cut": cut, "left_out": examples.left_out, "classifier": str(folder)}


def read_settings(settings: Sequence[str]) -> ClassifyConfig:
    """The config with the settings `KEY=VALUE`; raises ValueError that names the first one that is not allowed."""
    try:
        values = {key: yaml.safe_load(value) for key, _, value in (setting.partition("=") for setting in settings)}
        if unknown := [key for key in values if key not in ClassifyConfig.model_fields]:
            raise ValueError(
                f"{unknown[0] or '='}: there is no such setting; the settings are {', '.join(ClassifyConfig.model_fields)}"
            )
        return ClassifyConfig.model_validate(values)
    except yaml.YAMLError as error:
        raise ValueError(f"{' '.join(settings)}: a value is not valid YAML; write KEY=VALUE") from error
    except ValidationError as error:
        first = error.errors()[0]
        known = ", ".join(ClassifyConfig.model_fields)
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}; the settings are {known}") from error
