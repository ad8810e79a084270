import pytest
import torch
from torch import Tensor

from model.network.attention import attend, cap, explicit
from model.network.config import ModelConfig
from model.network.masks import FlexMask, make_mask

LENGTH = 24
DOCUMENTS = torch.tensor([[0] * 9 + [1] + [2] * 14, [3] * 5 + [4] * 19])
MASKS = {
    "causal": {},
    "window": {"window": 5},
    "window of one": {"window": 1},
    "window longer than the text": {"window": 99},
    "documents": {"documents": DOCUMENTS},
    "window, documents": {"window": 4, "documents": DOCUMENTS},
}


def config(positions: str = "none", softcap: float | None = None) -> ModelConfig:
    return ModelConfig(d_model=64, n_heads=4, positions=positions, attention_softcap=softcap)


def random_heads(kv_heads: int, queries: int = LENGTH, keys: int = LENGTH) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = ((2, 4, queries, 16), (2, kv_heads, keys, 16), (2, kv_heads, keys, 16))
    return tuple(torch.randn(shape, generator=generator) for shape in shapes)


def by_definition(
    query: Tensor, key: Tensor, value: Tensor, positions: str, softcap: float | None, **mask: object
) -> Tensor:
    """Softmax over the seen keys, one query at a time, in float64; ALiBi's slopes for four heads are 1/4, 1/16, 1/64, 1/256."""
    window, documents = mask.get("window") or LENGTH, mask.get("documents", torch.zeros(2, LENGTH))
    out = torch.zeros(query.shape, dtype=torch.float64)
    for batch in range(2):
        for head in range(4):
            shared = head // (4 // key.shape[1])
            for i in range(LENGTH):
                seen = [j for j in range(max(0, i - window + 1), i + 1) if documents[batch, i] == documents[batch, j]]
                scores = key[batch, shared, seen].double() @ query[batch, head, i].double() / 4
                if softcap:
                    scores = softcap * torch.tanh(scores / softcap)
                if positions == "alibi":
                    scores = scores - 4.0 ** -(head + 1) * torch.tensor([i - j for j in seen])
                out[batch, head, i] = scores.softmax(0) @ value[batch, shared, seen].double()
    return out.float()


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("positions", ["none", "alibi"])
@pytest.mark.parametrize(("kv_heads", "softcap"), [(4, None), (2, 1.5), (1, None)])
def test_every_backend_follows_the_definition(positions: str, softcap: float | None, kv_heads: int, mask: dict) -> None:
    """Chosen path, explicit scores and FlexAttention (its forward pass, uncompiled: there is no other on the CPU)."""
    heads = random_heads(kv_heads)
    expected = by_definition(*heads, positions, softcap, **mask)
    arguments = {"window": None, "documents": None, "queries": LENGTH, "like": heads[0], **mask}
    chosen = make_mask(config(positions, softcap), **arguments)
    torch.testing.assert_close(attend(*heads, chosen, softcap=softcap), expected, rtol=1e-5, atol=1e-5)
    dense = torch.ones(LENGTH, LENGTH, dtype=torch.bool).tril() if chosen is None else chosen
    torch.testing.assert_close(explicit(*heads, dense, softcap=softcap), expected, rtol=1e-5, atol=1e-5)
    blocks = make_mask(config(positions, softcap), flex=True, **arguments)
    assert isinstance(blocks, FlexMask) or (blocks is None and chosen is None)
    with torch.no_grad():
        torch.testing.assert_close(attend(*heads, blocks, softcap=softcap), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("softcap", [None, 1.5])
def test_backends_have_the_same_gradients(softcap: float | None) -> None:
    gradients = []
    for way in (attend, explicit):
        heads = [x.requires_grad_() for x in random_heads(kv_heads=2)]
        mask = make_mask(config("alibi", softcap), 5, LENGTH, heads[0], DOCUMENTS)
        way(*heads, mask, softcap=softcap, scale=0.3).square().sum().backward()
        gradients.append([x.grad for x in heads])
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("positions", ["none", "alibi"])
@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("new", [1, 4])
def test_the_last_queries_alone_see_what_they_saw(positions: str, window: int | None, new: int) -> None:
    query, key, value = random_heads(kv_heads=2)
    whole = attend(query, key, value, make_mask(config(positions), window, LENGTH, query))
    mask = make_mask(config(positions), window, new, query, offset=LENGTH - new)
    torch.testing.assert_close(attend(query[:, :, -new:], key, value, mask), whole[:, :, -new:])


def test_plain_causality_needs_no_mask() -> None:
    """So the fastest kernels are open to it."""
    like = torch.zeros(1)
    assert make_mask(config(), None, LENGTH, like) is None
    assert make_mask(config(), LENGTH, LENGTH, like) is None
    assert make_mask(config(), LENGTH - 1, LENGTH, like) is not None


def test_soft_caps_bound_scores_and_leave_small_ones() -> None:
    capped = cap(torch.tensor([-1e9, -0.01, 0.0, 0.01, 1e9]), 50.0)
    torch.testing.assert_close(capped, torch.tensor([-50.0, -0.01, 0.0, 0.01, 50.0]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("softcap", [None, 1.5])
def test_attention_dropout_keeps_the_mean(softcap: float | None) -> None:
    heads = random_heads(kv_heads=4)
    mask = make_mask(config(softcap=softcap), 5, LENGTH, heads[0])
    torch.manual_seed(0)
    draws = torch.stack([attend(*heads, mask, softcap=softcap, dropout=0.3) for _ in range(2000)])
    assert not torch.equal(draws[0], draws[1])
    torch.testing.assert_close(draws.mean(0), attend(*heads, mask, softcap=softcap), rtol=0, atol=0.15)
