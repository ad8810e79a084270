import math

import pytest
import torch

from model.network.config import ModelConfig
from model.network.init import initialize
from model.network.network import Network
from model.training.loss import NextTokenLoss
from tests.model.networks import GPT2, build

SIZES = {"vocab_size": 2000, "d_model": 128, "n_layers": 8, "n_heads": 4, "max_sequence_length": 512}
# Standard deviations of (linear weights, those into the residual stream): here 128 and 512 wide.
EXPECTED = {
    "normal": lambda inputs, outputs, into_residual: 0.02,
    "depth_scaled": lambda inputs, outputs, into_residual: 0.02 / math.sqrt(16) if into_residual else 0.02,
    "xavier": lambda inputs, outputs, into_residual: math.sqrt(2 / (inputs + outputs)),
    "he": lambda inputs, outputs, into_residual: math.sqrt(2 / inputs),
}


@pytest.mark.parametrize("kind", EXPECTED)
def test_initial_values(kind: str) -> None:
    network = Network(ModelConfig(**SIZES, **{**GPT2, "tied_embeddings": False}, initialization=kind, qk_norm=True))
    initialize(network, seed=0)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any()
        elif "norm" in name:
            assert (parameter == 1).all()
        else:
            expected = 0.02
            if name.startswith("blocks"):
                into_residual = name.endswith(("output.weight", "down.weight"))
                expected = EXPECTED[kind](parameter.shape[1], parameter.shape[0], into_residual)
            assert parameter.std().item() == pytest.approx(expected, rel=0.03)
            assert parameter.mean().item() == pytest.approx(0, abs=0.05 * expected)


def test_an_untrained_network_predicts_nearly_uniformly() -> None:
    network = Network(ModelConfig(**SIZES))
    initialize(network, seed=0)
    loss = NextTokenLoss(network)(torch.randint(0, 2000, (2, 65), generator=torch.Generator().manual_seed(0)))
    assert loss.item() == pytest.approx(math.log(2000), abs=0.1)


def test_initial_values_depend_on_the_seed_alone() -> None:
    first, second, other = build(seed=3), build(seed=3), build(seed=4)
    torch.manual_seed(99)
    third = build(seed=3)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]) and torch.equal(value, third.state_dict()[name])
    assert not torch.equal(first.embedding.weight, other.embedding.weight)
