"""The tasks of finetune: one fine-tuning, and scores without a network.

They stand apart from the stage because they need torch, which a plan does not need.
"""

from pathlib import Path
from typing import Any

from data.tokens.vocabulary import Encoder
from model.finetuning.classifier_files import save_classifier
from model.finetuning.classify import count_cut, finetune
from model.finetuning.examples import read_examples
from model.finetuning.scores import majority_scores
from model.finetuning.tfidf import tfidf_scores
from pipeline.recipe.recipe import FinetuneConfig
from pipeline.releases.find import Release
from pipeline.releases.open import open_release


def finetune_shard(
    out: Path,
    checkpoint: Path,
    tokenizer: Path,
    data: Path,
    config: FinetuneConfig,
    seed: int,
    pretrained: bool,
) -> dict[str, Any]:
    """Fine-tune once, from the checkpoint's weights or from random ones; gives the scores and the numbers of examples.

    The pretrained network's classifier of the first seed is saved in `classifier/`. Raises ValueError for examples that cannot
    be read, and for a loss that is not finite.
    """
    network, vocabulary = open_release(Release(checkpoint, tokenizer))
    examples = read_examples(data, config)
    encode = Encoder(vocabulary).encode_to_lists
    classifier, scores = finetune(
        network,
        examples,
        encode,
        config,
        start_id=vocabulary.start_id,
        seed=seed,
        pretrained=pretrained,
    )
    if pretrained and seed == config.seeds[0]:
        save_classifier(out / "classifier", classifier, config, vocabulary.start_id, tokenizer)
    sizes = {"training_examples": len(examples.train), "test_examples": len(examples.test)}
    cut = count_cut([example.text for example in (*examples.train, *examples.test)], encode, config)
    return {**scores, **sizes, "left_out": examples.left_out, "texts_cut": cut}


def score_without_network(out: Path, data: Path, config: FinetuneConfig) -> dict[str, Any]:
    """The scores of always giving the commonest class, and of a regression on the words of the texts."""
    examples = read_examples(data, config)
    return {"majority_class": majority_scores(examples), "tfidf": tfidf_scores(examples)}
