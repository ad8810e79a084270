"""The model card: well-formed, and saying what the records say."""

import copy
from typing import Any

import yaml

from model.network.config import ModelConfig
from pipeline.recipe.recipe import ExportConfig
from pipeline.stages.model_card import model_card

MODEL = ModelConfig(vocab_size=2048, d_model=160, n_layers=4, n_heads=5, max_sequence_length=256)
COUNTS = {
    "documents_in": 1234,
    "documents_out": 1200,
    "dropped": {"language": 30, "c4.lorem_ipsum": 1},
    "quarantined": 3,
}
MANIFESTS: dict[str, Any] = {
    "collect": {
        "counts": {**COUNTS, "dropped": {}, "documents_by_source": {"sotu": 233}, "licenses": {"CC0-1.0": 233}},
        "config": {
            "sources": [
                {"name": "sotu", "license": "CC0-1.0", "license_field": None},
                {"name": "empty", "license": "MIT", "license_field": None},
            ]
        },
    },
    "clean": {"counts": COUNTS},
    "dedup": {"counts": {**COUNTS, "documents_by_source": {"sotu": 233}}},
    "tokenize": {"counts": {"tokens_by_split": {"train": 5000, "test": 70}}, "fingerprint": "ab" * 16},
    "pretrain": {
        "counts": {"parameters": 1_600_000, "steps": 360, "tokens": 1_474_560, "loss": 4.25, "validation_loss": 4.5},
        "config": {
            "training": {
                "global_batch": 16, "sequence_length": 256, "learning_rate": 0.004, "schedule": "cosine", "dtype": "float32",
            }
        },
    },
    "finetune": {"config": {"license": "Apache-2.0"}},
}  # fmt: skip
for stage in MANIFESTS:
    MANIFESTS[stage]["stage"] = stage
INTERVAL = {"value": 1.5, "low": 1.25, "high": 1.75}
RIVAL = {"bits_per_byte": 2.5, "perplexity": 200.0, "difference": INTERVAL}
EVALUATION = {
    "test": {
        "all": {"documents": 17, "bits_per_byte": INTERVAL, "perplexity": INTERVAL, "5-gram": RIVAL, "unigram": RIVAL}
    },
    "tasks": {"cloze": {"accuracy": INTERVAL, "items": 50, "chance": 0.25}},
}
SCORES = {"accuracy": {"mean": 0.9, "seeds": [0.9, 0.9, 0.9]}, "macro_f1": {"mean": 0.8, "seeds": [0.8] * 3}}
FINETUNING = {
    "pretrained": SCORES,
    "random_weights": SCORES,
    "majority_class": {"accuracy": 0.5, "macro_f1": 0.33},
    "tfidf": {"accuracy": 0.6, "macro_f1": 0.55},
}
CHECKS = {"largest_logit_difference": 2.5e-6, "tokens_compared": 1024, "greedy_prompts": 4}
CONFIG = ExportConfig(model_name="demo", license="cc0-1.0", description="For show.")


def tables(card: str) -> list[list[list[str]]]:
    """The Markdown tables of a page: runs of lines that begin with a bar, cut into cells."""
    found: list[list[list[str]]] = [[]]
    for line in card.splitlines():
        if line.startswith("|"):
            assert line.endswith("|"), line
            found[-1].append([cell.strip() for cell in line.strip("|").split("|")])
        elif found[-1]:
            found.append([])
    return [table for table in found if table]


def test_a_card_with_everything() -> None:
    card = model_card(
        CONFIG, MODEL, MANIFESTS, {"evaluate": {"evaluate": EVALUATION}, "finetune": {"finetune": FINETUNING}}, CHECKS
    )
    _, header, body = card.split("---\n", 2)
    assert yaml.safe_load(header)["license"] == "cc0-1.0"
    assert yaml.safe_load(header)["pipeline_tag"] == "text-generation"
    network, data, evaluation, finetuning = tables(body)
    assert all(len({len(row) for row in table}) == 1 for table in (network, data, evaluation, finetuning))
    assert network[2] == ["layers, width, heads (key/value heads)", "4, 160, 5 (5)"]
    assert data[2:] == [
        ["collect", "1,234", "1,200", "none", "3"],
        ["clean", "1,234", "1,200", "language 30, c4.lorem_ipsum 1", "3"],
        ["dedup", "1,234", "1,200", "language 30, c4.lorem_ipsum 1", "3"],
    ]
    assert evaluation[2] == ["this network", "1.5000 [1.2500, 1.7500]", "1.50 [1.25, 1.75]"]
    assert evaluation[3] == ["Kneser-Ney 5-gram of training tokens", "2.5000", "200.00"]
    assert "- Beside the Kneser-Ney 5-gram: the network is better by 1.5000 [1.2500, 1.7500] bits per byte.\n" in body
    assert finetuning[2:] == [
        ["this network", "0.9000", "0.8000"], ["the same from random weights", "0.9000", "0.8000"],
        ["majority class", "0.5000", "0.3300"], ["logistic regression on TF-IDF, no network", "0.6000", "0.5500"],
    ]  # fmt: skip
    for text in (
        "# demo\n", "For show.", "1,600,000 parameters", "- `sotu`: 233 documents kept, licence CC0-1.0",
        "- `empty`: 0 documents kept, licence MIT", "train 5,000, test 70.", "ab" * 16, "Task `cloze`: accuracy 1.500",
        "on 50 items, chance 0.250", "validation loss 4.5000", "data licence Apache-2.0", "2.50e-06", "1,024 real tokens",
    ):  # fmt: skip
        assert text in body, text


def test_a_card_without_evaluation_fine_tuning_and_validation() -> None:
    manifests = copy.deepcopy(MANIFESTS)
    del manifests["finetune"]
    manifests["pretrain"]["counts"]["validation_loss"] = None
    card = model_card(ExportConfig(), MODEL, manifests, {}, CHECKS)
    assert "## Evaluation" not in card
    assert "## Fine-tuning" not in card
    assert "validation loss" not in card
    assert "None" not in card
    assert len(tables(card)) == 2
    assert "\n\n\n\n" not in card


def test_text_from_outside_cannot_end_the_header() -> None:
    card = model_card(ExportConfig(license="mit\n---\nevil: true"), MODEL, MANIFESTS, {}, CHECKS)
    _, header, _ = card.split("---\n", 2)
    assert set(yaml.safe_load(header)) == {"license", "library_name", "pipeline_tag", "tags"}


def test_what_the_training_began_with_is_said() -> None:
    manifests = copy.deepcopy(MANIFESTS)
    assert "trained from scratch by a Gristmill run." in model_card(CONFIG, MODEL, manifests, {}, CHECKS)
    manifests["pretrain"]["counts"]["parent"] = {"identity": "0123456789abcdef" * 4, "mode": "continue", "step": 9}
    manifests["pretrain"]["config"]["training"]["optimizer"] = "muon"
    card = model_card(CONFIG, MODEL, manifests, {}, CHECKS)
    assert "began with the weights and optimizer of another network (BLAKE3 `0123456789abcdef`)." in card
    assert "from scratch" not in card and "Muon and AdamW with a peak" in card


def test_licences_that_documents_name_are_no_markdown() -> None:
    manifests = copy.deepcopy(MANIFESTS)
    few = {f"L{number:02}": 1 for number in range(30)}
    manifests["collect"]["counts"]["licenses"] = {"MIT\n\n## Evaluation `<img src=x>`": 7, **few}
    card = model_card(CONFIG, MODEL, manifests, {}, CHECKS)
    assert "`MIT ## Evaluation <img src=x>` 7, `L00` 1," in card and "others 11." in card
