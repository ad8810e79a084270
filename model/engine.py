"""The only file that knows DeepSpeed: it shares optimizer, gradients and weights out over the ranks (ZeRO).

The rest of the trainer sees a loss, a backward pass, a step, and float32 tensors by parameter name, which look the same on
any number of ranks and at any ZeRO stage.
"""

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from model.loss import NextTokenLoss
from model.train_config import TrainConfig

if not torch.cuda.is_available():
    os.environ.setdefault("DS_ACCELERATOR", "cpu")  # otherwise DeepSpeed looks for accelerators, and logs that it did

import deepspeed

# An inference collective that DeepSpeed would otherwise compile with g++ when it starts.
deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
# DeepSpeed 0.19.8 calls names that torch 2.13 has renamed, in every step.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\.distributed")

MOMENTS = ("exp_avg", "exp_avg_sq")  # AdamW's state, by the names that torch gives it
MAX_BUCKET = 100_000_000  # elements reduced at once
COLLECTIVE_TIMEOUT = timedelta(minutes=10)


def init_distributed() -> tuple[int, int]:
    """(rank, number of ranks), after setting up the process group unless somebody (Ray Train) already has.

    Reads torchrun's environment variables; without them this process is the only rank.
    """
    if not dist.is_initialized():
        backend = "nccl" if torch.cuda.is_available() else "gloo"
        if "WORLD_SIZE" in os.environ:
            dist.init_process_group(backend, timeout=COLLECTIVE_TIMEOUT)
        else:
            dist.init_process_group(backend, store=dist.HashStore(), rank=0, world_size=1)
    os.environ.setdefault("LOCAL_RANK", "0")  # DeepSpeed asks for it even on one rank
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    return dist.get_rank(), dist.get_world_size()


def device() -> torch.device:
    """Where this rank computes."""
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")


def deepspeed_config(config: TrainConfig, d_model: int, parameters: int) -> dict[str, Any]:
    """What DeepSpeed is told. Learning rate and schedule are ours; so is the clipping at stage 0, which reports no norm."""
    bucket = min(parameters, MAX_BUCKET)
    zero: dict[str, Any] = {
        "stage": config.zero_stage,
        "overlap_comm": torch.cuda.is_available(),
        "contiguous_gradients": True,
        # DeepSpeed allocates whole buckets, 2 GB with its own defaults.
        "reduce_bucket_size": bucket,
        "allgather_bucket_size": bucket,
    }
    if config.zero_stage == 3:
        zero["stage3_prefetch_bucket_size"] = bucket
        zero["stage3_param_persistence_threshold"] = 10 * d_model  # norms and biases stay whole on every rank
    return {
        "train_batch_size": config.global_batch,
        "train_micro_batch_size_per_gpu": config.rank_micro_batch,
        "gradient_accumulation_steps": config.accumulation,
        "gradient_clipping": config.clip if config.zero_stage > 0 else 0.0,
        "zero_optimization": zero,
        "bf16": {"enabled": config.dtype == "bfloat16"},
        "data_types": {"grad_accum_dtype": "fp32"},
        "communication_data_type": "fp32",
        "steps_per_print": None,
    }


def make_optimizer(network: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov and Hutter 2019) with weight decay on matrices only: not on biases, nor on the gains of norms."""
    matrices = [p for p in network.parameters() if p.ndim >= 2]
    vectors = [p for p in network.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": config.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    betas = (config.adam_beta1, config.adam_beta2)
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=betas, eps=config.adam_eps, fused=True)


class Engine:
    """A network in training. All methods are collective: every rank calls them, in the same order."""

    def __init__(self, loss: NextTokenLoss, config: TrainConfig):
        self.config = config
        self.network = loss.network
        # The masters in float32 are set from these below: DeepSpeed would make them of weights already rounded to bfloat16.
        weights = {name: p.detach().clone() for name, p in self.network.named_parameters()}
        loss.to(device())
        self.adam = make_optimizer(self.network, config)
        count = sum(p.numel() for p in self.network.parameters())
        with contextlib.redirect_stdout(io.StringIO()):  # the optimizer for bfloat16 prints its memory use
            self.deepspeed, self.optimizer, _, _ = deepspeed.initialize(
                model=loss, optimizer=self.adam, config=deepspeed_config(config, self.network.config.d_model, count)
            )
        if config.zero_stage == 3 and self.network.unembedding is None:
            # The loss reaches the embedding matrix as a weight, past the module whose hooks would gather it.
            deepspeed.zero.register_external_parameter(loss, self.network.embedding.weight)
        self._create_moments()
        self.set_tensors(weights.__getitem__)

    def loss(self, tokens: Tensor) -> Tensor:
        """Mean loss in nats per token () of tokens (micro_batch, seq + 1)."""
        return self.deepspeed(tokens)

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of one micro-batch's mean loss, weighed as its share of the global batch."""
        self.deepspeed.backward(loss)

    def step(self, learning_rate: float) -> float:
        """After each backward. On the last micro-batch of a step, update the weights and return the gradient's norm before
        clipping; before that, only count, and return nan."""
        boundary = self.deepspeed.is_gradient_accumulation_boundary()
        norm: Any = float("nan")
        if boundary:
            for group in self.adam.param_groups:
                group["lr"] = learning_rate
            if self.config.zero_stage == 0:
                norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip or float("inf"))
        self.deepspeed.step()
        if boundary and self.config.zero_stage > 0:
            norm = self.deepspeed.get_global_grad_norm()
        return float(norm)

    @torch.no_grad()
    def losses(self, tokens: Tensor) -> Tensor:
        """Without dropout and without a gradient: losses (batch * seq,) in nats of tokens (batch, seq + 1)."""
        self.deepspeed.eval()
        losses = self.deepspeed(tokens, reduction="none")
        self.deepspeed.train()
        return losses

    def tensor(self, name: str, moment: str | None = None) -> Tensor:
        """The whole float32 parameter of that name, or one of its `MOMENTS`."""
        parameter = self.network.get_parameter(name)
        if self.config.zero_stage == 0:
            return parameter.detach() if moment is None else self.adam.state[parameter][moment]
        if moment is None:
            return deepspeed.utils.safe_get_full_fp32_param(parameter)
        return deepspeed.utils.safe_get_full_optimizer_state(parameter, moment)

    @torch.no_grad()
    def set_tensors(self, source: Callable[[str], Tensor], moment: str | None = None) -> None:
        """Set the float32 parameters (or one of their `MOMENTS`) from whole tensors by name.

        The weights that forward and backward use are those that the network had when the engine was made; with stages above
        0 this sets the masters alone, so both must come from the same values.
        """
        for name in self.names():
            value = source(name).to(device())
            if self.config.zero_stage == 0:
                self.tensor(name, moment).copy_(value)
                continue
            parameter = self.network.get_parameter(name)
            if self.config.zero_stage == 3:
                # DeepSpeed cuts the value into equal parts without asking whether it divides.
                value = nn.functional.pad(value.flatten(), (0, -value.numel() % dist.get_world_size()))
            if moment is None:
                deepspeed.utils.safe_set_full_fp32_param(parameter, value)
            else:
                deepspeed.utils.safe_set_full_optimizer_state(parameter, value, moment)

    def names(self) -> list[str]:
        """Parameter names in the network's order, a tied matrix once."""
        return [name for name, _ in self.network.named_parameters()]

    def sizes(self) -> dict[str, int]:
        """Number of elements of each parameter, whole."""
        return {name: getattr(p, "ds_numel", p.numel()) for name, p in self.network.named_parameters()}

    @property
    def adam_steps(self) -> int:
        """Updates that AdamW has made; its bias correction depends on it."""
        return int(self.adam.state[self._flat_parameters()[0]]["step"])

    @adam_steps.setter
    def adam_steps(self, steps: int) -> None:
        for parameter in self._flat_parameters():
            self.adam.state[parameter]["step"].fill_(steps)

    def _create_moments(self) -> None:
        """Give AdamW its state now rather than in its first step, so that it can be read and set before one."""
        for parameter in self._flat_parameters():
            self.adam.state[parameter] = {
                "step": torch.zeros((), device=parameter.device),
                **{moment: torch.zeros_like(parameter) for moment in MOMENTS},
            }
        if self.config.zero_stage in (1, 2):
            self.optimizer._lazy_init_hp_params_optimizer_state()

    def _flat_parameters(self) -> list[Tensor]:
        """What AdamW updates: at stages above 0, this rank's share of the float32 masters, concatenated."""
        if self.config.zero_stage == 0:
            return list(self.network.parameters())
        if self.config.zero_stage == 3:
            return self.optimizer.fp32_partitioned_groups_flat
        return [p for group in self.adam.param_groups for p in group["params"]]
