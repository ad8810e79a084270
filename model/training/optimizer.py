"""The optimizers: AdamW, and Muon for the matrices of the blocks with AdamW for the rest."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn

from model.training.train_config import TrainConfig

ADAM_MOMENTS = ("exp_avg", "exp_avg_sq")  # the optimizers' state, by the names that torch gives it
MUON_MOMENTS = ("momentum_buffer",)
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)  # the coefficients of Jordan et al. 2024
RMS_OF_ADAMW = 0.2  # Liu et al. 2025, section 2.2: with it Muon takes AdamW's learning rate and weight decay


class MatrixPart(NamedTuple):
    """Where this rank's part of a matrix lies: `matrix` in the flattened matrix, `share` in the rank's flat share."""

    shape: tuple[int, ...]
    matrix: slice
    share: slice


def matrix_part(parameter: Tensor) -> MatrixPart:
    """Where this rank's part of a matrix lies, by DeepSpeed's map at stages 1 and 2."""
    fragment = parameter._hp_mapping  # type: ignore[attr-defined]
    if fragment is None:
        return MatrixPart(tuple(parameter.shape), slice(0, 0), slice(0, 0))
    inside, share = fragment.lp_fragment_address, fragment.hp_fragment_address
    return MatrixPart(
        tuple(parameter.shape),
        slice(inside.start, inside.start + inside.numel),
        slice(share.start, share.start + share.numel),
    )


def is_muons(name: str, parameter: Tensor) -> bool:
    """Whether Muon updates this parameter: the matrices between embedding and unembedding."""
    return name.startswith("blocks.") and parameter.ndim == 2


def parameter_groups(network: nn.Module, config: TrainConfig) -> list[dict[str, Any]]:
    """Groups for torch: weight decay on matrices only, not on biases nor on the gains of norms."""
    named = list(network.named_parameters())
    muons = [p for name, p in named if config.optimizer == "muon" and is_muons(name, p)]
    taken = set(map(id, muons))
    matrices = [p for _, p in named if p.ndim >= 2 and id(p) not in taken]
    vectors = [p for _, p in named if p.ndim < 2]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    if muons:
        groups.append({"params": muons, "weight_decay": config.weight_decay, "muon": True})
    return groups


def make_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """The optimizer of the config, over the network's own parameters."""
    kind = Muon if config.optimizer == "muon" else torch.optim.AdamW
    betas = (config.adam_beta1, config.adam_beta2)
    groups = parameter_groups(network, config)
    optimizer = kind(groups, lr=config.learning_rate, betas=betas, eps=config.adam_eps, fused=True)
    if isinstance(optimizer, Muon):
        optimizer.momentum, optimizer.dtype = config.muon_momentum, getattr(torch, config.muon_dtype)
        optimizer.iterations = config.muon_iterations
    return optimizer


class Muon(torch.optim.AdamW):
    """AdamW, but for the groups marked `muon`: there a matrix moves along its orthogonalised momentum (Jordan et al. 2024).

    With ZeRO a group is one flat tensor, this rank's share of the concatenated matrices. The momentum is kept in that form;
    the ranks put each matrix together for a moment, and those that hold a part of it orthogonalise it. `parts` says
    where the parts lie, a matrix at a time in the same order on all ranks.
    """

    momentum = 0.95
    dtype = torch.bfloat16  # in which matrices are orthogonalised
    iterations = 5
    parts: list[MatrixPart]

    @torch.no_grad()
    def step(self, closure: Callable | None = None) -> None:  # type: ignore[override]
        groups = self.param_groups
        for group in groups:
            if group.get("muon"):
                self._update(group["params"][0], group["lr"], group["weight_decay"])
        self.param_groups = [group for group in groups if not group.get("muon")]
        super().step(closure)
        self.param_groups = groups

    def _update(self, share: Tensor, lr: float, weight_decay: float) -> None:
        """One step of this rank's share (n,) of the matrices."""
        assert share.grad is not None
        momentum = self.state[share]["momentum_buffer"]
        momentum.lerp_(share.grad, 1 - self.momentum)
        direction = share.grad.lerp(momentum, self.momentum)  # Nesterov's
        share.mul_(1 - lr * weight_decay)
        for part in self.parts:
            matrix = torch.zeros(math.prod(part.shape), dtype=share.dtype, device=share.device)
            matrix[part.matrix] = direction[part.share]
            if dist.get_world_size() > 1:
                dist.all_reduce(matrix)
            if part.share.start < part.share.stop:
                update = orthogonalize(matrix.view(part.shape), self.dtype, self.iterations).flatten()[part.matrix]
                share[part.share].sub_(update, alpha=lr * RMS_OF_ADAMW * math.sqrt(max(part.shape)))


def orthogonalize(matrix: Tensor, dtype: torch.dtype, iterations: int) -> Tensor:
    """The nearest semi-orthogonal matrix, about: singular values of (m, n) move to between 0.7 and 1.2.

    A Newton-Schulz iteration in `dtype` with a quintic polynomial (Jordan et al. 2024, in bfloat16).
    """
    a, b, c = NEWTON_SCHULZ
    wide = matrix.shape[0] <= matrix.shape[1]
    x = (matrix if wide else matrix.T).to(dtype)
    x = x / x.norm().clamp(min=1e-7)
    for _ in range(iterations):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x if wide else x.T).to(matrix.dtype)
