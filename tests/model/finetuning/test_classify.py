import gzip
import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from model.finetuning.classifier_files import load_classifier, predict, save_classifier
from model.finetuning.classify import (
    Classifier,
    batches,
    compare,
    finetune,
    predict_labels,
    rate,
)
from model.finetuning.classify_config import ClassifyConfig
from model.finetuning.examples import Example, Examples, read_examples
from model.finetuning.scores import majority_scores, scores
from model.finetuning.tfidf import tfidf_scores
from model.network.config import ModelConfig
from model.network.init import initialize
from model.network.network import Network

START = 0
CONFIG = ClassifyConfig(max_length=24, epochs=6, batch_size=8, learning_rate=3e-3, seeds=(0, 1))
MODEL = ModelConfig(vocab_size=258, max_sequence_length=32, d_model=16, n_layers=1, n_heads=2, d_ff=24, dropout=0.1)


def encode(texts: list[str]) -> list[list[int]]:
    return [[1 + byte for byte in text.encode()] for text in texts]


@pytest.fixture(scope="module")
def network() -> Network:
    network = Network(MODEL)
    initialize(network, 0)
    return network


@pytest.fixture(scope="module")
def examples() -> Examples:
    def make(numbers: range) -> list[Example]:
        return [Example(("zzz " if n % 3 else "aaa ") * (1 + n % 4), "z" if n % 3 else "a") for n in numbers]

    return Examples(make(range(48)), make(range(48, 72)), ["a", "z"], 0)


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_padding_changes_nothing(network: Network, pooling: str) -> None:
    classifier = Classifier(network, ["a", "b", "c"], pooling, 0.0).eval()
    short, long = torch.tensor([[5, 6, 7]]), torch.tensor([[8, 9, 10, 11, 12]])
    alone = torch.cat([classifier(short, torch.tensor([3])), classifier(long, torch.tensor([5]))])
    together = classifier(torch.tensor([[5, 6, 7, 0, 0], [8, 9, 10, 11, 12]]), torch.tensor([3, 5]))
    torch.testing.assert_close(together, alone)
    hidden = network.hidden(short)[0]
    pooled = hidden.mean(0) if pooling == "mean" else hidden[-1]
    torch.testing.assert_close(alone[0], classifier.head(pooled))


def test_learns_a_separable_task_and_is_deterministic(network: Network, examples: Examples) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    random_state = torch.get_rng_state()
    first, result = finetune(network, examples, encode, CONFIG, START, seed=3)
    torch.manual_seed(99)
    second, again = finetune(network, examples, encode, CONFIG, START, seed=3)
    assert result == again == {"accuracy": 1.0, "macro_f1": 1.0}
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in first.state_dict().items())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    other, _ = finetune(network, examples, encode, CONFIG, START, seed=4)
    assert not torch.equal(first.head.weight, other.head.weight)
    torch.set_rng_state(random_state)
    finetune(network, examples, encode, CONFIG.model_copy(update={"epochs": 0.1}), START, seed=3)
    assert torch.equal(torch.get_rng_state(), random_state)


def test_random_weights_are_not_those_of_the_checkpoint(network: Network, examples: Examples) -> None:
    still = CONFIG.model_copy(update={"epochs": 0.01, "learning_rate": 1e-12})
    kept, _ = finetune(network, examples, encode, still, START, seed=0)
    torch.testing.assert_close(kept.network.embedding.weight, network.embedding.weight)
    fresh, _ = finetune(network, examples, encode, still, START, seed=1, pretrained=False)
    assert not torch.allclose(fresh.network.embedding.weight, network.embedding.weight, atol=1e-3)


def test_compare_puts_three_scores_side_by_side(network: Network, examples: Examples) -> None:
    seen: list[tuple[int, int]] = []
    config = CONFIG.model_copy(update={"epochs": 1.5})
    classifier, table = compare(network, examples, encode, config, START, lambda *at: seen.append(at))
    assert seen == [(done, 36) for done in range(1, 37)]  # 2 kinds, 2 seeds, 6 + 3 batches of 8 of 48 texts
    assert set(table) == {"pretrained", "random_weights", "majority_class", "tfidf"}
    assert table["majority_class"]["accuracy"] == pytest.approx(16 / 24)
    assert table["majority_class"] == majority_scores(examples)
    assert table["tfidf"] == tfidf_scores(examples)
    seeds = table["pretrained"]["accuracy"]["seeds"]
    assert len(seeds) == 2 and table["pretrained"]["accuracy"]["mean"] == pytest.approx(sum(seeds) / 2)
    assert isinstance(classifier, Classifier)


def test_macro_f1_by_hand() -> None:
    truth = ["a", "a", "a", "b", "b", "c"]
    predicted = ["a", "a", "b", "b", "c", "a"]
    # a: TP 2, FP 1, FN 1 -> 4/6; b: TP 1, FP 1, FN 1 -> 1/2; c: TP 0 -> 0
    assert scores(truth, predicted) == {"accuracy": 3 / 6, "macro_f1": pytest.approx((4 / 6 + 1 / 2 + 0) / 3)}
    assert scores(["a", "b", "b"], ["b", "b", "b"])["macro_f1"] == pytest.approx((0 + 0.8) / 2)


def test_every_pass_is_a_permutation_and_the_rate_rises_and_falls() -> None:
    rows = list(batches(10, 4, 7, seed=0))
    assert [len(batch) for batch in rows] == [4, 4, 2, 4, 4, 2, 4]
    assert sorted(row for batch in rows[:3] for row in batch) == list(range(10))
    assert [rate(step, 10, 0.2) for step in range(10)] == [0.5, 1.0, 1.0, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125]
    assert rate(0, 1, 0.0) == 1.0


def test_saved_classifier_predicts_the_same(network: Network, examples: Examples, tmp_path: Path) -> None:
    tokenizer = tmp_path / "tokenizer.json"
    alphabet = ["<|endoftext|>", *sorted(pre_tokenizers.ByteLevel.alphabet()), "<|pad|>"]
    bpe = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(alphabet)}, merges=[]))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.add_special_tokens(["<|endoftext|>", "<|pad|>"])
    bpe.save(str(tokenizer))

    def encode_bpe(texts: list[str]) -> list[list[int]]:
        return [encoding.ids for encoding in bpe.encode_batch(texts)]

    classifier, _ = finetune(network, examples, encode_bpe, CONFIG, START, seed=0)
    for name in ("one", "two"):
        save_classifier(tmp_path / name, classifier, CONFIG, START, tokenizer)
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == ["classifier.json", "tokenizer.json", "weights.safetensors"]
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)
    texts = [example.text for example in examples.test] + ["", "<|endoftext|>"]
    back, description = load_classifier(tmp_path / "one")
    assert description.labels == ["a", "z"] and description.model == MODEL and description.classify == CONFIG
    assert all(torch.equal(value, back.state_dict()[name]) for name, value in classifier.state_dict().items())
    assert predict(tmp_path / "one", texts)[:-1] == predict_labels(classifier, texts[:-1], encode_bpe, CONFIG, START)
    (tmp_path / "one" / "weights.safetensors").write_bytes(b"x" * 40)
    with pytest.raises(ValueError, match="not a whole classifier"):
        load_classifier(tmp_path / "one")
    with pytest.raises(ValueError, match=r"no classifier\.json"):
        predict(tmp_path, texts)


def write(path: Path, records: list[dict]) -> Path:
    lines = "".join(json.dumps(record) + "\n" for record in records).encode()
    path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    return path


@pytest.mark.parametrize("name", ["data.jsonl", "data.jsonl.gz"])
def test_reads_marked_splits(name: str, tmp_path: Path) -> None:
    splits = ["train", "train", "test", "validation"]
    records = [{"text": f"t{n}", "label": n % 2, "split": split} for n, split in enumerate(splits)]
    examples = read_examples(write(tmp_path / name, records), CONFIG)
    assert examples == Examples(
        [Example("t0", "0"), Example("t1", "1")], [Example("t2", "0")], ["0", "1"], {"validation": 1}
    )


def test_splits_by_hash_of_the_text(tmp_path: Path) -> None:
    records = [{"body": f"text {n % 400}", "class": "ab"[n % 2]} for n in range(800)]
    config = ClassifyConfig(text_field="body", label_field="class", test_fraction=0.25)
    examples = read_examples(write(tmp_path / "data.jsonl", records), config)
    assert not {e.text for e in examples.train} & {e.text for e in examples.test}
    assert len(examples.train) + len(examples.test) == 800 and 140 < len(examples.test) < 260
    reversed_file = read_examples(write(tmp_path / "reversed.jsonl", records[::-1]), config)
    assert sorted(e.text for e in reversed_file.test) == sorted(e.text for e in examples.test)
    moved = read_examples(tmp_path / "data.jsonl", config.model_copy(update={"split_seed": 1}))
    assert {e.text for e in moved.test} != {e.text for e in examples.test}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"text": 3}, r"data\.jsonl:3: `text` must be a string"),
        ({"label": None}, r"data\.jsonl:3: `label` must be a string or an integer"),
        ({"split": None}, r"data\.jsonl:3: only some records have the field `split`"),
        ({"split": "test", "label": "new"}, "the class 'new' occurs among the test texts only"),
        ({"split": "train"}, "no test texts"),
    ],
)
def test_mistakes_in_labelled_files_are_named(change: dict, message: str, tmp_path: Path) -> None:
    records = [{"text": f"t{n}", "label": "ab"[n % 2], "split": "train"} for n in range(2)]
    path = write(tmp_path / "data.jsonl", [*records, {"text": "t", "label": "a", "split": "test"} | change])
    with pytest.raises(ValueError, match=message):
        read_examples(path, CONFIG)


def test_one_class_and_damaged_files_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "data.jsonl", [{"text": f"t{n}", "label": "a"} for n in range(50)])
    with pytest.raises(ValueError, match="1 classes"):
        read_examples(path, CONFIG)
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(path.read_bytes())[:-12])
    with pytest.raises(ValueError, match="not a whole gzip file"):
        read_examples(cut, CONFIG)


def test_a_long_text_is_read_in_windows(network: Network) -> None:
    """The states of each window are those of the window alone; padding after the text counts for nothing."""
    classifier = Classifier(network, ["a", "b"], "mean", 0.0).eval()
    tokens = torch.randint(1, 258, (2, 70), generator=torch.Generator().manual_seed(0))
    lengths = torch.tensor([70, 40])
    with torch.no_grad():
        windows = torch.cat([network.hidden(part) for part in tokens.split(32, dim=1)], dim=1)
        pooled = torch.stack([windows[row, :length].mean(0) for row, length in enumerate(lengths)])
        torch.testing.assert_close(classifier(tokens, lengths), classifier.head(pooled))


def test_the_learning_rate_follows_the_width(network: Network, examples: Examples) -> None:
    left_out, same = ({"epochs": 0.5, "learning_rate": rate} for rate in (None, 0.25 / MODEL.d_model))
    first, second = (
        finetune(network, examples, encode, ClassifyConfig(**fields), 0, seed=0)[0] for fields in (left_out, same)
    )
    assert torch.equal(first.head.weight, second.head.weight)
