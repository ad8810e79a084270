import math

import pytest
import torch

from model.network.config import RopeScaling
from model.network.positions import alibi_slopes, document_positions, rope_frequencies, rope_tables, sinusoids

SCALINGS = {
    "llama3": {"factor": 8.0, "original_sequence_length": 8192},
    "llama3, other factors": {
        "factor": 3.0,
        "original_sequence_length": 100,
        "low_freq_factor": 2.0,
        "high_freq_factor": 9.0,
    },
    "yarn": {"factor": 4.0, "original_sequence_length": 4096},
    "yarn, other betas": {"factor": 16.0, "original_sequence_length": 128, "beta_fast": 8.0, "beta_slow": 2.0},
    "yarn, its own attention factor": {"factor": 2.0, "original_sequence_length": 64, "attention_factor": 1.3},
}


@pytest.mark.parametrize("name", SCALINGS)
@pytest.mark.parametrize(("theta", "head_dim"), [(10_000.0, 16), (500_000.0, 64), (1_000_000.0, 128)])
def test_scaled_frequencies_are_those_of_transformers(name: str, theta: float, head_dim: int) -> None:
    from transformers import LlamaConfig
    from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

    scaling = RopeScaling(type=name.split(",")[0], **SCALINGS[name])
    theirs = {"rope_type": scaling.type, "rope_theta": theta, "factor": scaling.factor}
    theirs["original_max_position_embeddings"] = scaling.original_sequence_length
    theirs |= {key: value for key, value in SCALINGS[name].items() if key not in ("factor", "original_sequence_length")}
    if scaling.type == "llama3":
        theirs |= {"low_freq_factor": scaling.low_freq_factor, "high_freq_factor": scaling.high_freq_factor}
    config = LlamaConfig(hidden_size=head_dim, num_attention_heads=1, rope_parameters=theirs)
    expected, attention_factor = ROPE_INIT_FUNCTIONS[scaling.type](config, torch.device("cpu"))
    frequencies, factor = rope_frequencies(head_dim, theta, scaling)
    torch.testing.assert_close(frequencies, expected, rtol=1e-5, atol=0)
    assert factor == pytest.approx(attention_factor, rel=1e-12)
    cos, _ = rope_tables(4, head_dim, theta, scaling)
    assert cos[0].tolist() == pytest.approx([attention_factor] * head_dim)


def test_llama3_scaling_by_hand() -> None:
    """Base 100, head of 4, first training on 63 tokens: the pairs turn 10.03 and 1.003 times in it."""
    frequencies, _ = rope_frequencies(4, 100.0, RopeScaling(type="llama3", factor=8, original_sequence_length=63))
    kept = (63 * 0.1 / (2 * torch.pi) - 1) / (4 - 1)
    assert frequencies.tolist() == pytest.approx([1.0, 0.1 * kept + 0.1 / 8 * (1 - kept)], rel=1e-5)


def test_sinusoids_of_packed_texts() -> None:
    """The table for three positions is a worked example; here they are looked up out of order."""
    table = sinusoids(torch.arange(3), 6)
    packed = torch.tensor([[0, 1, 0], [2, 0, 1]])
    assert torch.equal(sinusoids(packed, 6), table[packed])
    assert table[2, 4:].tolist() == pytest.approx([math.sin(2 * 10_000 ** (-4 / 6)), math.cos(2 * 10_000 ** (-4 / 6))])


def test_alibi_slopes_are_those_of_the_paper_and_of_transformers() -> None:
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    assert alibi_slopes(8) == [2**-n for n in range(1, 9)]
    for heads in (1, 2, 3, 5, 6, 12, 16, 20):
        slopes = build_alibi_tensor(torch.ones(1, 2), heads, torch.float32)[:, 0, 1]  # at distance 1
        assert alibi_slopes(heads) == pytest.approx(slopes.tolist(), rel=1e-6)


def test_positions_begin_again_with_each_document() -> None:
    documents = torch.tensor([[4, 4, 4, 7, 8, 8], [0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 5]])
    expected = torch.tensor([[0, 1, 2, 0, 0, 1], [0, 1, 2, 3, 4, 5], [0, 0, 0, 0, 0, 1]])
    assert torch.equal(document_positions(documents), expected)
