import pytest
import torch
from torch import nn

from model.network.norm import RMSNorm


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("shape", [(5, 48), (2, 3, 4, 48), (0, 48)], ids=str)
def test_rmsnorm_and_its_gradient_are_torch_s(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    x, gradient = (3 * torch.randn(*shape, generator=generator).to(dtype) for _ in range(2))
    found = []
    for kind in (RMSNorm, nn.RMSNorm):
        norm = kind(48, eps=1e-3).to(dtype)
        nn.init.normal_(norm.weight, generator=torch.Generator().manual_seed(1))
        entry = x.clone().requires_grad_()
        out = norm(entry)
        out.backward(gradient)
        assert norm.weight.grad is not None and entry.grad is not None
        assert out.dtype == entry.grad.dtype == norm.weight.grad.dtype == dtype
        found.append((out, entry.grad, norm.weight.grad))
    tolerances = {"rtol": 1e-5, "atol": 1e-5} if dtype == torch.float32 else {"rtol": 2e-2, "atol": 3e-2}
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, **tolerances)


def test_a_frozen_gain_needs_no_gradient() -> None:
    norm = RMSNorm(8, eps=1e-6).requires_grad_(False)
    x = torch.randn(3, 8, requires_grad=True)
    norm(x).sum().backward()
    assert x.grad is not None and norm.weight.grad is None
