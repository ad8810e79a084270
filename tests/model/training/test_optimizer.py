"""Muon beside torch's own, and what each optimizer updates."""

import pytest
import torch

from model.network.config import ModelConfig
from model.network.network import Network
from model.training.distributed import init_distributed
from model.training.optimizer import MatrixPart, Muon, make_optimizer, orthogonalize, parameter_groups
from model.training.train_config import TrainConfig

SHAPES = [(8, 8), (6, 16), (16, 6)]


def test_muon_on_a_flat_share_is_torchs_on_matrices() -> None:
    init_distributed()
    torch.manual_seed(0)
    theirs = [torch.nn.Parameter(torch.randn(shape)) for shape in SHAPES]
    flat = torch.nn.Parameter(torch.cat([matrix.detach().flatten() for matrix in theirs]))
    lr, decay = 0.02, 0.1
    reference = torch.optim.Muon(
        theirs, lr=lr, weight_decay=decay, momentum=0.9, nesterov=True, adjust_lr_fn="match_rms_adamw"
    )
    ours = Muon([{"params": [flat], "weight_decay": decay, "muon": True}], lr=lr)
    ours.momentum = 0.9
    ours.state[flat]["momentum_buffer"] = torch.zeros_like(flat)
    ends = torch.tensor([0, *(matrix.numel() for matrix in theirs)]).cumsum(0).tolist()
    ours.parts = [
        MatrixPart(shape, slice(0, end - begin), slice(begin, end))
        for shape, begin, end in zip(SHAPES, ends, ends[1:], strict=False)
    ]
    for _ in range(4):
        for matrix in theirs:
            matrix.grad = torch.randn_like(matrix)
        flat.grad = torch.cat([matrix.grad.flatten() for matrix in theirs if matrix.grad is not None])
        reference.step()
        ours.step()
    torch.testing.assert_close(flat, torch.cat([matrix.flatten() for matrix in theirs]), rtol=0, atol=0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_orthogonalized_matrices_are_nearly_orthogonal(shape: tuple[int, int], dtype: torch.dtype) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    values = torch.linalg.svdvals(orthogonalize(matrix, dtype, 5))
    assert values.min() > 0.5 and values.max() < 1.3
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    assert (
        torch.nn.functional.cosine_similarity(
            orthogonalize(matrix, dtype, 5).flatten(), (left @ right).flatten(), dim=0
        )
        > 0.95
    )


def test_muon_takes_its_type_from_the_config() -> None:
    network = Network(ModelConfig(vocab_size=11, d_model=8, n_layers=2, n_heads=2))
    for name, dtype in (("bfloat16", torch.bfloat16), ("float32", torch.float32)):
        optimizer = make_optimizer(network, TrainConfig(optimizer="muon", muon_dtype=name, muon_iterations=3))
        assert isinstance(optimizer, Muon) and (optimizer.dtype, optimizer.iterations) == (dtype, 3)
    matrix = torch.randn(8, 8, generator=torch.Generator().manual_seed(1))
    assert not torch.equal(
        orthogonalize(matrix, torch.float32, 5).bfloat16().float(), orthogonalize(matrix, torch.float32, 5)
    )


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_every_parameter_is_in_one_group_and_only_matrices_decay(optimizer: str) -> None:
    network = Network(ModelConfig(vocab_size=11, d_model=8, n_layers=2, n_heads=2, bias=True, norm="layernorm"))
    config = TrainConfig(optimizer=optimizer, weight_decay=0.3)
    groups = parameter_groups(network, config)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    found = [(names[id(p)], group["weight_decay"], "muon" in group) for group in groups for p in group["params"]]
    assert sorted(name for name, _, _ in found) == sorted(names.values())
    for name, decay, muon in found:
        assert decay == (0.3 if network.get_parameter(name).ndim == 2 else 0.0)
        assert muon == (optimizer == "muon" and name.startswith("blocks.") and network.get_parameter(name).ndim == 2)
    assert type(make_optimizer(network, config)) is (Muon if optimizer == "muon" else torch.optim.AdamW)
    assert make_optimizer(network, config).param_groups[0]["fused"]
