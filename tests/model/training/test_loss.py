import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from model.training import loss as loss_module
from model.training.loss import CrossEntropy, NextTokenLoss
from tests.model.networks import GEMMA2, GPT2, build, some_tokens


@pytest.mark.parametrize(("fields", "z_loss"), [(GPT2, 0.0), (GEMMA2, 0.0), (GEMMA2, 0.1)], ids=["gpt2", "cap", "z"])
def test_loss_in_chunks_is_the_loss(fields: dict, z_loss: float, monkeypatch: pytest.MonkeyPatch) -> None:
    network, tokens = build(**fields).train(), some_tokens()
    loss = NextTokenLoss(network, z_loss).train()
    whole = loss(tokens)
    logits = network(tokens[:, :-1])
    reference = nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    log_z = logits.exp().sum(-1).log()
    torch.testing.assert_close(whole, reference + z_loss * (log_z**2).mean())
    whole.backward()
    gradients = {name: p.grad.clone() for name, p in network.named_parameters()}
    network.zero_grad()
    monkeypatch.setattr("model.training.loss.LOGITS_BYTES", 4 * 97 * 10)
    in_chunks = loss(tokens)
    in_chunks.backward()
    torch.testing.assert_close(in_chunks, whole)
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name])
    torch.testing.assert_close(loss(tokens, reduction="none").mean(), whole)


def test_z_loss_is_no_part_of_a_validation_loss() -> None:
    network, tokens = build(), some_tokens()
    plain, with_z = NextTokenLoss(network), NextTokenLoss(network, z_loss=0.1)
    assert torch.equal(with_z.eval()(tokens), plain.eval()(tokens))
    assert torch.equal(with_z(tokens, reduction="none"), plain(tokens, reduction="none"))
    assert with_z.train()(tokens) > plain.train()(tokens) + 0.1  # log Z is near ln 97, its square near 21


def test_z_loss_pulls_the_denominator_towards_one() -> None:
    network, tokens = build().train(), some_tokens()
    loss = NextTokenLoss(network, z_loss=1.0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=0.01)
    before = network(tokens).logsumexp(-1).square().mean()
    for _ in range(20):
        optimizer.zero_grad()
        loss(tokens).backward()
        optimizer.step()
    assert network(tokens).logsumexp(-1).square().mean() < before / 2


def test_packed_texts_are_scored_as_if_each_stood_alone() -> None:
    network, tokens = build(**GPT2), some_tokens()
    loss = NextTokenLoss(network)
    documents = torch.tensor([[0] * 9 + [1] * 14] * 2)
    losses = loss(tokens, reduction="none", documents=documents).view(2, 23)
    torch.testing.assert_close(losses[:, :9], loss(tokens[:, :10], reduction="none").view(2, 9))
    torch.testing.assert_close(losses[:, 9:], loss(tokens[:, 9:], reduction="none").view(2, 14))


@pytest.mark.parametrize("rows", [1, 7, 50], ids="{} rows at once".format)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_cross_entropy_and_its_gradient_are_torch_s(
    dtype: torch.dtype, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where tokens weigh differently, and in float16 where gradients below its range are kept by a loss scale."""
    monkeypatch.setitem(loss_module.IN_FLOAT32, "cpu", rows * 97)
    generator = torch.Generator().manual_seed(0)
    logits = (4 * torch.randn(50, 97, generator=generator)).to(dtype).requires_grad_()
    targets = torch.randint(97, (50,), generator=generator)
    weights = 2.0**16 * torch.rand(50, generator=generator)
    losses, denominators = CrossEntropy.apply(logits, targets)
    expected = nn.functional.cross_entropy(logits.float(), targets, reduction="none")
    torch.testing.assert_close(losses, expected)
    torch.testing.assert_close(denominators, logits.float().logsumexp(-1))
    [gradient] = torch.autograd.grad((weights * (losses + 0.1 * denominators.square())).sum(), logits)
    whole = (weights * (expected + 0.1 * logits.float().logsumexp(-1).square())).sum()
    [reference] = torch.autograd.grad(whole, logits)
    assert gradient.dtype == dtype
    torch.testing.assert_close(gradient, reference)


def test_only_some_logits_are_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(loss_module.IN_FLOAT32, "cpu", 10 * 97)
    logits = torch.randn(50, 97, dtype=torch.bfloat16, requires_grad=True)
    with LargestTensor(torch.float32) as largest:
        losses, _ = CrossEntropy.apply(logits, torch.zeros(50, dtype=torch.int64))
        losses.mean().backward()
    assert largest.elements == 10 * 97


class LargestTensor(TorchDispatchMode):
    """Elements of the largest tensor that any operation makes, of one type if it is given."""

    def __init__(self, dtype: torch.dtype | None = None):
        super().__init__()
        self.dtype = dtype
        self.elements = 0

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), settings: Any = None) -> Any:
        result = function(*arguments, **(settings or {}))
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and self.dtype in (None, leaf.dtype):
                self.elements = max(self.elements, leaf.numel())
        return result


@pytest.mark.parametrize("fields", [{}, {"tied_embeddings": True, "logit_softcap": 30.0}], ids=["plain", "tied, cap"])
def test_logits_of_a_large_vocabulary_are_never_held_whole(fields: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    """128k ids and 46 tokens, at most 2**20 logits at once: forward and backward make nothing larger."""
    vocabulary = 131_072
    network = build(vocab_size=vocabulary, d_model=4, head_dim=2, n_layers=1, **fields).train()
    loss = NextTokenLoss(network, z_loss=1e-4)
    with LargestTensor() as whole:
        loss(some_tokens()).backward()
    assert whole.elements == 46 * vocabulary
    monkeypatch.setattr("model.training.loss.LOGITS_BYTES", 4 * 2**20)
    with LargestTensor() as chunked:
        loss(some_tokens()).backward()
    assert chunked.elements == 2**20
    assert math.isfinite(network.embedding.weight.grad.sum())
