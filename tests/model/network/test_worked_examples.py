"""Small examples worked by hand, as textbooks have them, through the layers that the network is made of."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from model.network.attention import Attention, attend, explicit
from model.network.config import ModelConfig
from model.network.norm import make_norm
from model.network.positions import rope_tables, rotate, sinusoids


def matrix(*rows: list[float]) -> Tensor:
    return torch.tensor(rows, dtype=torch.float32)


def attend_both_ways(query: Tensor, key: Tensor, value: Tensor, causal: bool = False) -> Tensor:
    """By the kernel and by explicit scores, which must agree; one head, with or without the causal mask."""
    heads = query[None, None], key[None, None], value[None, None]
    seen = torch.ones(len(query), len(key), dtype=torch.bool)
    seen = seen.tril() if causal else seen
    mixed = attend(*heads, mask=None if causal else seen)
    torch.testing.assert_close(mixed, explicit(*heads, mask=seen))
    return mixed[0, 0]


def test_self_attention_of_three_tokens() -> None:
    x = matrix([1, 2], [2, 3], [3, 1])
    assert torch.equal(x @ x.T, matrix([5, 8, 5], [8, 13, 9], [5, 9, 10]))
    weights = (x @ x.T / math.sqrt(2)).softmax(-1)
    expected = matrix([0.0967, 0.8066, 0.0967], [0.0268, 0.9189, 0.0543], [0.0191, 0.3239, 0.6569])
    torch.testing.assert_close(weights, expected, rtol=0, atol=1e-4)
    expected = matrix([2, 2.7099], [2.0275, 2.8646], [2.6378, 1.6670])
    torch.testing.assert_close(attend_both_ways(x, x, x), expected, rtol=0, atol=1e-4)


def test_attention_of_two_tokens() -> None:
    query, key, value = matrix([2, 0], [0, 2]), matrix([0, 1], [1, 0]), matrix([2, 1], [1, 0])
    expected = matrix([1.1956, 0.1956], [1.8044, 0.8044])
    torch.testing.assert_close(attend_both_ways(query, key, value), expected, rtol=0, atol=1e-4)


def test_projections_and_attention() -> None:
    x = matrix([1, 0, 1], [0, 1, 0], [1, 1, 0])
    query = x @ matrix([1, 0], [0, 1], [1, 1])
    key = x @ matrix([1, 1], [1, 0], [0, 1])
    value = x @ matrix([0, 1], [1, 0], [1, 1])
    assert torch.equal(query, matrix([2, 1], [0, 1], [1, 1]))
    assert torch.equal(key, matrix([1, 2], [1, 0], [2, 1]))
    assert torch.equal(value, matrix([1, 2], [1, 0], [1, 1]))
    assert torch.equal(query @ key.T, matrix([4, 2, 5], [2, 0, 1], [3, 1, 3]))
    expected = matrix([1, 1.2314], [1, 1.4359], [1, 1.3374])
    torch.testing.assert_close(attend_both_ways(query, key, value), expected, rtol=0, atol=1e-4)
    expected = matrix([1, 2], [1, 1.6089], [1, 1.3374])
    torch.testing.assert_close(attend_both_ways(query, key, value, causal=True), expected, rtol=0, atol=1e-4)


def test_our_attention_on_the_same_example() -> None:
    """The causal row of the example above through `Attention`, its inputs padded to width 4 (one head of width 2 used)."""
    config = ModelConfig(d_model=4, n_heads=2, positions="learned")
    attention = Attention(config)
    x = F.pad(matrix([1, 0, 1], [0, 1, 0], [1, 1, 0]), (0, 1))
    projections = {
        "query": matrix([1, 0], [0, 1], [1, 1]),
        "key": matrix([1, 1], [1, 0], [0, 1]),
        "value": matrix([0, 1], [1, 0], [1, 1]),
    }
    with torch.no_grad():
        for name, projection in projections.items():
            weight = getattr(attention, name).weight  # (outputs, inputs)
            weight.zero_()
            weight[:2, :3] = projection.T
        nn.init.eye_(attention.output.weight)
        mixed = attention(x[None], rotation=None)[0]
    expected = matrix([1, 2], [1, 1.6089], [1, 1.3374])
    torch.testing.assert_close(mixed[:, :2], expected, rtol=0, atol=1e-4)
    assert not mixed[:, 2:].any()


def test_layer_normalisation() -> None:
    norm = make_norm(ModelConfig(d_model=4, n_heads=2, norm="layernorm", bias=True), 4)
    expected = torch.tensor([-1.3416, -0.4472, 0.4472, 1.3416])
    torch.testing.assert_close(norm(torch.tensor([3.0, 5, 7, 9])), expected, rtol=0, atol=1e-4)


def test_rms_normalisation() -> None:
    norm = make_norm(ModelConfig(d_model=4, n_heads=2, norm="rmsnorm"), 4)
    x = torch.tensor([3.0, 5, 7, 9])
    torch.testing.assert_close(norm(x), x / math.sqrt(41))  # the mean of 9, 25, 49, 81


def test_output_projection() -> None:
    output = matrix([0.8, 1, 0.5, 0.7], [1.1, 0.9, 0.9, 0.3])
    projection = nn.Linear(4, 4, bias=False)
    with torch.no_grad():
        projection.weight.copy_((0.1 * torch.arange(1, 17).reshape(4, 4)).T)
    torch.testing.assert_close(projection(output), matrix([1.94, 2.24, 2.54, 2.84], [1.76, 2.08, 2.40, 2.72]))


def test_sinusoidal_positions() -> None:
    expected = matrix([0, 1, 0, 1], [0.8415, 0.5403, 0.0100, 1.0000], [0.9093, -0.4161, 0.0200, 0.9998])
    torch.testing.assert_close(sinusoids(torch.arange(3), 4), expected, rtol=0, atol=1e-4)


def test_rotary_angles_are_the_sinusoids_of_the_original_transformer() -> None:
    """Position p, d = 4, base 10,000: sin p, cos p, sin p/100, cos p/100."""
    cos, sin = rope_tables(3, 4, 10_000.0)
    expected = matrix([0, 1, 0, 1], [0.8415, 0.5403, 0.0100, 1.0000], [0.9093, -0.4161, 0.0200, 0.9998])
    interleaved = torch.stack((sin[:, 0], cos[:, 0], sin[:, 1], cos[:, 1]), dim=-1)
    torch.testing.assert_close(interleaved, expected, rtol=0, atol=1e-4)


def test_rotation_keeps_lengths_and_depends_on_distance_alone() -> None:
    cos, sin = rope_tables(32, 8, 100.0)
    query, key = torch.randn(2, 8, generator=torch.Generator().manual_seed(0))
    queries, keys = rotate(query.expand(32, 8), cos, sin), rotate(key.expand(32, 8), cos, sin)
    torch.testing.assert_close(queries.norm(dim=-1), query.norm().expand(32))
    scores = queries @ keys.T
    for distance in (-7, 0, 3):
        diagonal = scores.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), rtol=1e-4, atol=1e-5)
