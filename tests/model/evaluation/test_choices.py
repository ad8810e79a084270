import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model.evaluation.choices import Item, ItemScores, join, read_items, score_items, summary
from model.network.config import ModelConfig
from model.network.init import initialize
from model.network.network import Network

END = 0
GOOD = {"context": "The sky is", "choices": ["blue", "a stone"], "answer": 0, "id": "ignored"}


def encode(text: str) -> list[int]:
    return [1 + byte for byte in text.encode()]


def encode_all(texts: Sequence[str]) -> list[list[int]]:
    return [encode(text) for text in texts]


@pytest.fixture(scope="module")
def network() -> Network:
    config = ModelConfig(vocab_size=257, max_sequence_length=32, d_model=16, n_layers=1, n_heads=2, d_ff=24)
    network = Network(config).eval()
    initialize(network, 0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(6)
    return network


def log_likelihood(network: Network, context: str, choice: str) -> float:
    """By one forward pass over the whole text."""
    head, tail = [END, *encode(context)], encode(choice)
    with torch.no_grad():
        logs = network(torch.tensor([head + tail]))[0].log_softmax(-1)
    return sum(float(logs[len(head) - 1 + i, token]) for i, token in enumerate(tail))


def test_choices_are_scored_given_the_context(network: Network) -> None:
    items = [Item("The sky is ", ("blue", "a stone"), 1), Item("", ("x", "yy", "z"), 2)]
    scores = score_items(network, items, encode_all, END, batch_size=2)
    expected = [
        [log_likelihood(network, "The sky is", " blue"), log_likelihood(network, "The sky is", " a stone")],
        [log_likelihood(network, "", choice) for choice in ("x", "yy", "z")],
    ]
    for score, likelihoods in zip(scores, expected, strict=True):
        assert score.log_likelihoods == pytest.approx(likelihoods, rel=1e-5)
    assert scores[0].bytes == (4, 7) and scores[0].answer == 1


def test_context_too_long_is_cut_on_the_left(network: Network) -> None:
    [score] = score_items(network, [Item("y" * 50 + "abcdefghij" * 3, ("kl", "mn"), 0)], encode_all, END)
    tokens = encode("abcdefghij" * 3 + " kl")[-33:]
    with torch.no_grad():
        logs = network(torch.tensor([tokens[:-1]]))[0].log_softmax(-1)
    expected = sum(float(logs[i - 1, tokens[i]]) for i in range(len(tokens) - 3, len(tokens)))
    assert score.log_likelihoods[0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("context", "choice", "joined"),
    [
        ("The sky is", "blue", ("The sky is", " blue")),
        ("The sky is ", "blue", ("The sky is", " blue")),
        ("The sky is", " blue", ("The sky is", " blue")),
        ("Q: ?\nA:\n", "blue", ("Q: ?\nA:", "\nblue")),
        ("", "blue", ("", "blue")),
    ],
)
def test_white_space_between_goes_to_the_choice(context: str, choice: str, joined: tuple[str, str]) -> None:
    assert join(context, choice) == joined


def test_summary_counts_both_ways_and_chance() -> None:
    scores = [
        ItemScores((-4.0, -6.0), (2, 6), 0),  # right raw, wrong per byte (-2 < -1)
        ItemScores((-4.0, -6.0), (2, 6), 1),  # the other way round
        ItemScores((-1.0, -2.0, -3.0, -4.0), (1, 1, 1, 1), 0),  # right both ways
        ItemScores((-1.0, -1.0), (1, 1), 1),  # a tie is the first's
    ]
    assert [score.right for score in scores] == [True, False, True, False]
    assert [score.right_per_byte for score in scores] == [False, True, True, False]
    assert summary(scores) == {"items": 4, "accuracy": 0.5, "accuracy_per_byte": 0.5, "chance": (0.5 * 3 + 0.25) / 4}


def test_reads_items(tmp_path: Path) -> None:
    path = tmp_path / "task.jsonl"
    path.write_text(json.dumps(GOOD) + "\n\n" + json.dumps(GOOD | {"answer": 1}) + "\n")
    first = Item("The sky is", ("blue", "a stone"), 0, f"{path}:1")
    assert read_items(path) == [first, replace(first, answer=1, place=f"{path}:3")]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[1]", "not a JSON object"),
        (json.dumps(GOOD | {"context": None}), "`context`"),
        (json.dumps(GOOD | {"choices": ["one"]}), "`choices`"),
        (json.dumps(GOOD | {"choices": ["one", "  "]}), "`choices`"),
        (json.dumps(GOOD | {"choices": "ab"}), "`choices`"),
        (json.dumps(GOOD | {"answer": 2}), "`answer` must be the index of a choice, 0 to 1"),
        (json.dumps(GOOD | {"answer": -1}), "`answer`"),
        (json.dumps(GOOD | {"answer": True}), "`answer`"),
        (json.dumps(GOOD | {"answer": "blue"}), "`answer`"),
    ],
)
def test_mistakes_are_named_with_file_and_line(line: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "task.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + line + "\n")
    with pytest.raises(ValueError, match=rf"task\.jsonl:2: .*{message}"):
        read_items(path)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "task.jsonl"
    path.write_text("\n")
    with pytest.raises(ValueError, match="no items"):
        read_items(path)
