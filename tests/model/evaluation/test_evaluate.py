import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import model.evaluation.evaluate
from model.evaluation.evaluate import evaluating, score_continuations, score_documents, sliding_windows
from model.evaluation.reportable import perplexity
from model.network.config import ModelConfig
from model.network.init import initialize
from model.network.network import Network

END = 0
CONFIG = ModelConfig(vocab_size=53, max_sequence_length=16, d_model=16, n_layers=2, n_heads=2, d_ff=24, dropout=0.5)


@pytest.fixture(scope="module")
def network() -> Network:
    network = Network(CONFIG)
    initialize(network, 0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(8)  # sharp predictions, so that a wrong context shows
    return network


def documents(lengths: list[int], seed: int = 0) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.integers(0, CONFIG.vocab_size, length) for length in lengths]


def naive_nats(network: Network, sequence: list[int], first: int, context: int, stride: int) -> float:
    """One token at a time: its context begins where the window that is to score it begins."""
    total, scored, inputs = 0.0, first - 1, len(sequence) - 1
    network.eval()
    for position in range(first - 1, inputs):
        end = min(inputs, max(context, scored + stride))
        start = max(0, end - context)
        with torch.no_grad():
            logits = network(torch.tensor([sequence[start : position + 1]]))[0, -1]
        total -= float(logits.double().log_softmax(0)[sequence[position + 1]])
        if position + 1 == end:
            scored = end
    return total


@pytest.mark.parametrize("stride", [None, 1, 5, 16])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_scores_are_those_of_predicting_token_by_token(network: Network, stride: int | None, batch_size: int) -> None:
    texts = documents([1, 0, 15, 16, 17, 40, 3, 24, 25])
    scores = score_documents(network, texts, [2 * len(t) for t in texts], END, batch_size=batch_size, stride=stride)
    expected = [naive_nats(network, [END, *text.tolist()], 1, 16, stride or 8) for text in texts]
    np.testing.assert_allclose(scores.nats, expected, rtol=1e-5, atol=1e-6)
    assert scores.tokens.tolist() == [len(text) for text in texts]
    assert scores.bytes.tolist() == [2 * len(text) for text in texts]


def test_short_documents_are_predicted_from_the_first_token_given_the_end_of_text(network: Network) -> None:
    text = documents([9])[0]
    with torch.no_grad():
        logits = network.eval()(torch.tensor([[END, *text[:-1].tolist()]]))[0]
    expected = -logits.log_softmax(-1)[torch.arange(9), torch.from_numpy(text)].sum()
    score = score_documents(network, [text], [9], END)
    assert score.nats[0] == pytest.approx(float(expected), rel=1e-5)
    other = score_documents(network, [text], [9], start_id=7)
    assert other.nats[0] != pytest.approx(score.nats[0], rel=1e-3)


def test_scores_do_not_depend_on_batches_neighbours_or_chunks(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = documents([5, 33, 16, 2])
    together = score_documents(network, texts, [1] * 4, END, batch_size=8)
    seen: list[tuple[int, int]] = []
    score_documents(network, texts, [1] * 4, END, batch_size=4, progress=lambda *at: seen.append(at))
    assert seen == [(4, 7), (7, 7)]  # windows: 1, 4 (16 + 8 + 8 + 1 tokens), 1, 1
    alone = [score_documents(network, [text], [1], END, batch_size=1).nats[0] for text in texts]
    np.testing.assert_allclose(together.nats, alone, rtol=1e-5)
    monkeypatch.setattr(model.evaluation.evaluate, "LOGITS_BYTES", 1)  # one position at a time
    np.testing.assert_allclose(score_documents(network, texts, [1] * 4, END).nats, together.nats, rtol=1e-5)


def test_continuations_see_as_much_context_as_fits(network: Network) -> None:
    sequence = documents([30])[0]
    [nats] = score_continuations(network, [sequence], [27])
    assert nats == pytest.approx(naive_nats(network, sequence.tolist(), 27, 16, 8), rel=1e-5)
    with torch.no_grad():  # one window: the last 16 inputs
        logits = network.eval()(torch.from_numpy(sequence[None, 13:29]))[0, -3:]
    expected = -logits.log_softmax(-1)[torch.arange(3), torch.from_numpy(sequence[27:])].sum()
    assert nats == pytest.approx(float(expected), rel=1e-5)


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 32), st.integers(1, 32))
def test_windows_score_each_token_once_with_enough_context(length: int, first: int, context: int, stride: int) -> None:
    stride = min(stride, context)
    windows = list(sliding_windows(0, length, first, context, stride))
    scored = [position for w in windows for position in range(w.scored, w.end)]
    assert scored == list(range(first - 1, length - 1))
    for w in windows:
        assert 0 <= w.start <= w.scored < w.end and w.end - w.start <= context
        assert w.end - w.start == min(context, w.end)  # equal lengths, but for what ends before the first is full
        assert w.start == 0 or w.scored - w.start >= context - stride


def test_dropout_is_off_and_the_mode_is_put_back(network: Network) -> None:
    texts = documents([20])
    network.train()
    first = score_documents(network, texts, [1], END).nats[0]
    assert first == score_documents(network, texts, [1], END).nats[0]
    assert network.training
    network.eval()
    with evaluating(network):
        pass
    assert not network.training


def test_out_of_bounds_settings_are_named(network: Network) -> None:
    with pytest.raises(ValueError, match="context_length is 17"):
        score_documents(network, [], [], END, context_length=17)
    with pytest.raises(ValueError, match="stride is 9"):
        score_documents(network, [], [], END, context_length=8, stride=9)


def test_uniform_network_has_the_perplexity_of_its_vocabulary() -> None:
    network = Network(CONFIG)
    torch.nn.init.zeros_(network.unembedding.weight)
    scores = score_documents(network, documents([40, 7]), [40, 7], END)
    assert perplexity(scores.nats.sum(), scores.tokens.sum()) == pytest.approx(CONFIG.vocab_size, rel=1e-6)
