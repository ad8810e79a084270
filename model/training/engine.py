"""The only file that knows DeepSpeed: it shares optimizer, gradients and weights out over the ranks (ZeRO).

The rest of the trainer sees a loss, a backward pass, a step, and float32 tensors by parameter name, which look the same on
any number of ranks and at any ZeRO stage.
"""

import contextlib
import importlib
import io
import logging
import math
import os
import warnings
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from model.network.network import Network
from model.training.compiled_ops import compiled_ops, missing_tool
from model.training.deepspeed_config import deepspeed_config
from model.training.distributed import device
from model.training.loss import NextTokenLoss
from model.training.optimizer import (
    ADAM_MOMENTS,
    MUON_MOMENTS,
    Muon,
    is_muons,
    make_optimizer,
    matrix_part,
    parameter_groups,
)
from model.training.train_config import TrainConfig

if not torch.cuda.is_available():
    os.environ.setdefault("DS_ACCELERATOR", "cpu")  # otherwise DeepSpeed looks for accelerators, and logs that it did

import deepspeed
from deepspeed.accelerator import get_accelerator

# An inference collective that DeepSpeed would otherwise compile with g++ when it starts.
deepspeed.ops.__compatible_ops__["deepspeed_shm_comm"] = False
logging.getLogger("DeepSpeed").setLevel(logging.ERROR)
# DeepSpeed 0.19.8 calls names that torch 2.13 has renamed, in every step.
warnings.filterwarnings("ignore", category=FutureWarning, module=r"torch\.distributed")

LOSS_SCALE = ("cur_scale", "cur_iter", "last_overflow_iter", "cur_hysteresis")  # the state of its loss scaler


def _import_muon() -> None:
    """Import DeepSpeed's Muon, of which it asks whether an optimizer is one, without having its functions compiled.

    The decorator that compiles them imports torch's whole compiler, which takes every rank seconds; they are not used here.
    """
    compiler = deepspeed.runtime.compiler
    compile, compiler.compile = compiler.compile, lambda: lambda function: function
    try:
        importlib.import_module("deepspeed.runtime.zero.muon.muon_optimizer")
    finally:
        compiler.compile = compile


with contextlib.suppress(ImportError, AttributeError):  # another version of DeepSpeed may have it elsewhere
    _import_muon()


def check_device(config: TrainConfig) -> None:
    """Raise ValueError for what this machine cannot do."""
    accelerator = get_accelerator()
    supported = {"float16": accelerator.is_fp16_supported, "bfloat16": accelerator.is_bf16_supported}
    if config.dtype in supported and not supported[config.dtype]():
        raise ValueError(f"dtype: {config.dtype} is not supported on this device; choose another")
    for field, tools in (("offload_optimizer", ("g++", "ninja")), ("compile", ("g++",))):
        missing = missing_tool(*tools) if getattr(config, field) else None
        if missing:
            raise ValueError(f"{field}: code is built for this machine with {missing}, which is not installed here")


class Engine:
    """A network in training. All methods are collective: every rank calls them, in the same order."""

    def __init__(self, loss: NextTokenLoss, config: TrainConfig):
        self.config = config
        self.network = loss.network
        self.network.checkpoint_every = config.activation_checkpointing
        # The masters in float32 are set from these below: DeepSpeed would make them of weights already rounded to 16 bits.
        weights = {name: p.detach().clone() for name, p in self.network.named_parameters()}
        loss.to(device())
        if config.compile:
            for block in self.network.blocks:
                block.compile()
        self.inner = self._make_inner()
        count = sum(p.numel() for p in self.network.parameters())
        settings = deepspeed_config(config, self.network.config.d_model, count, torch.cuda.is_available())
        with contextlib.redirect_stdout(io.StringIO()):  # the optimizer for bfloat16 prints its memory use
            self.deepspeed, self.outer, _, _ = deepspeed.initialize(model=loss, optimizer=self.inner, config=settings)
        if config.zero_stage == 3 and self.network.unembedding is None:
            # The loss reaches the embedding matrix as a weight, past the module whose hooks would gather it.
            deepspeed.zero.register_external_parameter(loss, self.network.embedding.weight)
        self._create_moments()
        self.set_tensors(weights.__getitem__)
        self._approve: Callable[[float], bool]
        self._approved: bool | None = None

    def loss(self, tokens: Tensor, documents: Tensor | None = None) -> Tensor:
        """Mean loss in nats per token () of tokens (micro_batch, seq + 1)."""
        return self.deepspeed(tokens, documents=documents)

    def losses(self, tokens: Tensor, documents: Tensor | None = None) -> Tensor:
        """The loss of each token by itself, (micro_batch * seq,)."""
        return self.deepspeed(tokens, reduction="none", documents=documents)

    def backward(self, loss: Tensor, last: bool) -> None:
        """Add the gradient of a loss (); gradients are averaged over the ranks. `last` says that a step will follow."""
        self.deepspeed.set_gradient_accumulation_boundary(last)
        self.deepspeed.backward(loss, scale_wrt_gas=False)
        if not last:
            self.deepspeed.step()  # this only moves DeepSpeed's own count of micro-batches

    def step(self, learning_rate: float, approve: Callable[[float], bool]) -> tuple[float, bool]:
        """Update the weights with the gradients since the last step, if `approve`, asked about their norm, says so.

        Returns the norm before clipping and whether the weights were updated. If they were not, weights, moments and the
        count of steps are bit for bit what they were. DeepSpeed itself leaves out a step whose gradients are not finite, and
        asks nobody: the norm is infinite then.
        """
        for group in self.inner.param_groups:
            group["lr"] = learning_rate
        self._approve, self._approved = approve, None
        if self.config.zero_stage == 0:
            norm = float(nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip or math.inf))
            self._approved = approve(norm)
        try:
            self.deepspeed.step()
        except Exception as error:
            if "loss scale already at minimum" in str(error):
                raise FloatingPointError(
                    f"gradients overflow float16 even at loss_scale.minimum ({self.config.loss_scale.minimum:g}); "
                    "choose dtype bfloat16, or lower learning_rate"
                ) from None
            raise
        if self.config.zero_stage > 0:
            norm = self._norm()
        return norm, bool(self._approved)

    def _norm(self) -> float:
        """The gradient's norm as the ZeRO optimizer has it during a step; for one that is not finite it has -1 or inf."""
        norm = float(self.outer._global_grad_norm)
        return norm if norm >= 0 else math.inf

    def _make_inner(self) -> torch.optim.Optimizer:
        """The optimizer that DeepSpeed's own wraps, with a say on each step.

        DeepSpeed has no call that vetoes a step once its norm is known, but everything up to the inner optimizer's step
        works on gradients alone: when that does nothing, no weight and no moment has changed.
        """
        if self.config.offload_optimizer:
            betas = (self.config.adam_beta1, self.config.adam_beta2)
            groups = parameter_groups(self.network, self.config)
            with compiled_ops():
                inner = deepspeed.ops.adam.DeepSpeedCPUAdam(
                    groups, lr=self.config.learning_rate, betas=betas, eps=self.config.adam_eps, adamw_mode=True
                )
        else:
            inner = make_optimizer(self.network, self.config)
        step = inner.step

        def step_if_approved() -> None:
            if self._approved is None:  # ZeRO steps group by group, and the first group decides
                self._approved = self._approve(self._norm())
            if self._approved:
                step()

        inner.step = step_if_approved
        return inner

    @torch.no_grad()
    def validation_losses(self, tokens: Tensor, documents: Tensor | None = None) -> Tensor:
        """Without dropout and without a gradient: losses (batch * seq,) in nats of tokens (batch, seq + 1)."""
        self.deepspeed.eval()
        losses = self.losses(tokens, documents)
        self.deepspeed.train()
        return losses

    @torch.no_grad()
    def whole_network(self) -> Network:
        """The network with all its weights on this rank, to read: at stage 3 a copy in float32, whole on rank 0 only."""
        if self.config.zero_stage < 3:
            return self.network
        first = dist.get_rank() == 0
        with torch.random.fork_rng(), torch.device(device() if first else "meta"):
            network = Network(self.network.config)
        for name, parameter in network.named_parameters():
            value = self.tensor(name)
            if first:
                parameter.copy_(value)
        return network

    def moments(self, name: str) -> tuple[str, ...]:
        """The kinds of state that the optimizer keeps for a parameter."""
        muons = isinstance(self.inner, Muon) and is_muons(name, self.network.get_parameter(name))
        return MUON_MOMENTS if muons else ADAM_MOMENTS

    def tensor(self, name: str, moment: str | None = None) -> Tensor:
        """The whole float32 parameter of that name, or one of its `moments`."""
        parameter = self.network.get_parameter(name)
        if self.config.zero_stage == 0:
            return parameter.detach() if moment is None else self.inner.state[parameter][moment]
        if moment is None:
            return deepspeed.utils.safe_get_full_fp32_param(parameter)
        return deepspeed.utils.safe_get_full_optimizer_state(parameter, moment)

    @torch.no_grad()
    def set_tensors(self, source: Callable[[str], Tensor], moment: str | None = None) -> None:
        """Set the float32 parameters (or one of their moments) from whole tensors by name.

        The weights that forward and backward use are those that the network had when the engine was made; with stages above
        0 this sets the masters alone, so both must come from the same values.
        """
        for name in self.names():
            if moment is not None and moment not in self.moments(name):
                continue
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
        return int(self.inner.state[self._shares()[0][0]]["step"])

    @adam_steps.setter
    def adam_steps(self, steps: int) -> None:
        for share, moments in self._shares():
            if moments == ADAM_MOMENTS:
                self.inner.state[share]["step"].fill_(steps)

    @property
    def loss_scale(self) -> dict[str, Any]:
        """State of the loss scaling for float16; empty for other types."""
        if self.config.dtype != "float16":
            return {}
        return {
            name: getattr(self.outer.loss_scaler, name) for name in LOSS_SCALE if hasattr(self.outer.loss_scaler, name)
        }

    @loss_scale.setter
    def loss_scale(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            assert name in LOSS_SCALE
            setattr(self.outer.loss_scaler, name, value)

    def close(self) -> None:
        """Free what DeepSpeed holds."""
        self.deepspeed.destroy()

    def _create_moments(self) -> None:
        """Give the optimizer its state now rather than in its first step, so that it can be read and set before one."""
        for share, moments in self._shares():
            self.inner.state[share] = {moment: torch.zeros_like(share) for moment in moments}
            if moments == ADAM_MOMENTS:
                self.inner.state[share]["step"] = torch.zeros((), device=share.device)
        if self.config.zero_stage in (1, 2):
            self.outer._lazy_init_hp_params_optimizer_state()
        if isinstance(self.inner, Muon):
            self.inner.parts = [matrix_part(p) for name, p in self.network.named_parameters() if is_muons(name, p)]

    def _shares(self) -> list[tuple[Tensor, tuple[str, ...]]]:
        """What the optimizer updates, with the kinds of its state: whole parameters at stage 0, above it this rank's share of
        the float32 masters, concatenated."""
        if self.config.zero_stage == 0:
            return [(p, ADAM_MOMENTS) for p in self.network.parameters()]
        if self.config.zero_stage == 3:
            return [(share, ADAM_MOMENTS) for share in self.outer.fp32_partitioned_groups_flat]
        groups = self.inner.param_groups
        return [(p, MUON_MOMENTS if group.get("muon") else ADAM_MOMENTS) for group in groups for p in group["params"]]
