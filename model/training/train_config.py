"""How the network is trained: the numbers that a recipe can set, and the checks that need no data.

A field marked "speed" or "display" changes how fast a run goes or what it prints, not what it computes (beyond the last
bits of float arithmetic); the others decide the weights.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from model.section import ANY, Needs, Section
from model.training.batch_ramp import BatchRamp
from model.training.deepspeed_keys import check_keys
from model.training.guard import SpikeConfig

WARMUP_STEPS = 100


class LossScale(Section):
    """Loss scaling for float16: gradients are kept from underflow by a factor on the loss. Source: Micikevicius et al. 2018;
    the numbers are DeepSpeed's."""

    needs: ClassVar[Needs] = {name: {"fixed": (0,)} for name in ("initial_power", "window", "hysteresis", "minimum")}

    fixed: float = Field(default=0.0, ge=0)
    """The factor; with 0 it is halved when a gradient overflows and doubled when none has for a while."""
    initial_power: int = Field(default=16, ge=0, le=32)
    """The factor begins at 2 to this power."""
    window: int = Field(default=1000, gt=0)
    """After so long without an overflow the factor is doubled. Unit: steps."""
    hysteresis: int = Field(default=2, gt=0)
    """So many overflows come before the factor is halved. Unit: overflows."""
    minimum: float = Field(default=1.0, gt=0)
    """When the factor would fall below this the run stops."""


class TrainConfig(Section):
    """How long, in which steps, by which optimizer and on how many ranks the network is trained."""

    needs: ClassVar[Needs] = {
        "min_learning_rate": {"schedule": ("cosine", "linear", "warmup_stable_decay")},
        "decay_share": {"schedule": ("warmup_stable_decay",)},
        "muon_momentum": {"optimizer": ("muon",)},
        "muon_dtype": {"optimizer": ("muon",)},
        "muon_iterations": {"optimizer": ("muon",)},
        "loss_scale": {"dtype": ("float16",)},
        "sample_tokens": {"prompts": ANY},
    }

    steps: int = Field(default=1000, gt=0)
    """Length of the whole run in steps of the optimizer. Unit: steps."""
    sequence_length: int = Field(default=1024, gt=0)
    """So much is predicted in each sample; at most the network's max_sequence_length. Unit: tokens."""
    global_batch: int = Field(default=32, gt=0)
    """Size of each step, over all ranks. Unit: samples."""
    micro_batch: Annotated[int | None, "speed"] = Field(default=None, gt=0)
    """So many one rank takes at once, the rest is gradient accumulation; null stands for global_batch / ranks. Unit: samples."""
    batch_ramp: BatchRamp | None = None
    """A global batch that grows to `global_batch`; null has the same from the first step on."""
    ranks: Annotated[int, "speed"] = Field(default=1, gt=0)
    """Number of data-parallel processes, one a GPU or a share of the CPU cores. Unit: processes."""

    learning_rate: float = Field(default=3e-4, gt=0)
    """Peak of the learning rate; docs/training.md has values by the size of the network. Source: Touvron et al. 2023, table 2,
    for 7 billion parameters."""
    min_learning_rate: float = Field(default=0.1, ge=0, le=1)
    """Where schedules end that decay to an end. Unit: share of learning_rate. Source: Brown et al. 2020, appendix B."""
    warmup_steps: int = Field(default=WARMUP_STEPS, ge=0)
    """So long the learning rate rises from 0, in equal parts; a run of fewer steps is all warmup where this is left out. Unit:
    steps."""
    schedule: Literal["cosine", "linear", "inverse_sqrt", "constant", "warmup_stable_decay"] = "cosine"
    """How the learning rate goes on after the warmup: down by a cosine (Loshchilov and Hutter 2017) or by a line, as 1 /
    sqrt(step) (Vaswani et al. 2017, section 5.3), level, or level and at the end down by a line (Hu et al. 2024, section 4)."""
    decay_share: float = Field(default=0.2, gt=0, le=1)
    """With warmup_stable_decay, the part at the end over which the rate falls. Unit: share of the steps."""
    optimizer: Literal["adamw", "muon"] = "adamw"
    """AdamW (Loshchilov and Hutter 2019), or Muon (Jordan et al. 2024) for the matrices of the blocks and AdamW for the rest."""
    muon_momentum: float = Field(default=0.95, ge=0, lt=1)
    """Decay of Muon's momentum, for `optimizer: muon`. Source: Jordan et al. 2024."""
    muon_dtype: Literal["bfloat16", "float32"] = Field(default="bfloat16", json_schema_extra={"founding": "bfloat16"})
    """Type in which Muon orthogonalises, for `optimizer: muon`: float32 on CPUs without instructions for bfloat16, where that
    is many times slower. Source: Jordan et al. 2024, who take bfloat16."""
    muon_iterations: int = Field(default=5, gt=0, le=20, json_schema_extra={"founding": 5})
    """Newton-Schulz iterations by which Muon orthogonalises, for `optimizer: muon`. Source: Jordan et al. 2024."""
    adam_beta1: float = Field(default=0.9, ge=0, lt=1)
    """Decay of AdamW's first moment. Source: Brown et al. 2020, appendix B."""
    adam_beta2: float = Field(default=0.95, ge=0, lt=1)
    """Decay of AdamW's second moment. Source: Brown et al. 2020, appendix B."""
    adam_eps: float = Field(default=1e-8, gt=0)
    """This number is added to the root of AdamW's second moment. Source: Brown et al. 2020, appendix B."""
    weight_decay: float = Field(default=0.1, ge=0)
    """Decoupled weight decay (Loshchilov and Hutter 2019) of matrices; norms and biases have none. Source: Brown et al. 2020,
    appendix B."""
    clip: float = Field(default=1.0, ge=0)
    """Largest norm of the whole gradient, larger ones are scaled down to it; 0 clips nothing. Source: Brown et al. 2020,
    appendix B."""
    z_loss: float = Field(default=0.0, ge=0)
    """Weight of the z-loss, the squared logarithm of the softmax's denominator; 0 has none. Source: Chowdhery et al. 2022,
    who take 1e-4."""
    spikes: SpikeConfig = SpikeConfig()
    """When a step is left out because its loss or gradient is out of line."""
    mask_documents: bool = False
    """Whether a token sees only those of its own document, and positions begin anew with each. Source: Grattafiori et al.
    2024, section 3.2."""
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Type of weights and activations in forward and backward; master weights and optimizer are float32 always."""
    loss_scale: LossScale = LossScale()
    """The factor on the loss, for `dtype: float16`."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of the first weights and of dropout."""

    zero_stage: Annotated[int, "speed"] = Field(default=1, ge=0, le=3)
    """What the ranks share out: 0 nothing, 1 the optimizer, 2 the gradients too, 3 the weights too. Source: ZeRO (Rajbhandari
    et al. 2020)."""
    offload_optimizer: Annotated[bool, "speed"] = False
    """Whether the optimizer's state is kept in the CPU's memory and updated there (Ren et al. 2021); it needs zero_stage 1, 2
    or 3."""
    offload_parameters: Annotated[bool, "speed"] = False
    """Whether the weights are kept there too, between their uses; it needs zero_stage 3 and offload_optimizer."""
    bucket_size: Annotated[int, "speed"] = Field(default=100_000_000, gt=0)
    """So many numbers are reduced or gathered at once. Unit: elements."""
    overlap_communication: Annotated[bool | None, "speed"] = None
    """Whether gradients are reduced while the backward pass goes on; null stands for true on GPUs."""
    activation_checkpointing: Annotated[int, "speed"] = Field(default=0, ge=0)
    """Of every so many blocks one keeps only its input and is computed again in the backward pass (Chen et al. 2016); 0 keeps
    all. Unit: blocks."""
    compile: Annotated[bool, "speed"] = False
    """Whether the blocks are compiled with torch.compile; it needs a C++ compiler, and minutes at the start."""
    deepspeed: dict[str, Any] = Field(default={})
    """Further keys of DeepSpeed's configuration, as it names them."""
    threads: Annotated[int, "speed"] = Field(default=0, ge=0)
    """CPU threads of each rank; 0 stands for the machine's cores / the ranks on it. Unit: threads."""

    validate_every: Annotated[int, "display"] = Field(default=100, ge=0)
    """So long it is from one validation loss to the next, and between sample texts; 0 has them only at the end. Unit: steps."""
    validation_samples: int = Field(default=128, gt=0)
    """At most so many of each source's validation split are taken for a validation loss. Unit: samples."""
    prompts: Annotated[list[str], "display"] = Field(default=[])
    """Beginnings of sample texts, which are made at each validation."""
    sample_tokens: Annotated[int, "display"] = Field(default=32, gt=0)
    """Length of each sample text. Unit: tokens."""
    checkpoint_every: Annotated[int, "speed"] = Field(default=500, ge=0)
    """So long it is from one checkpoint to the next; 0 writes one only at the end or when the run is stopped. Unit: steps."""
    keep_checkpoints: Annotated[int, "speed"] = Field(default=2, gt=0)
    """So many of the newest checkpoints are kept. Unit: checkpoints."""
    log_every: Annotated[int, "display"] = Field(default=1, gt=0)
    """So long it is from one record of loss and speed to the next. Unit: steps."""
    max_failures: Annotated[int, "speed"] = Field(default=3, ge=0)
    """So many times a lost rank is made up for by starting the ranks again from the newest checkpoint. Unit: times."""

    @model_validator(mode="before")
    @classmethod
    def _short_runs(cls, values: Any) -> Any:
        """A warmup that is left out takes at most all steps."""
        if isinstance(values, dict) and isinstance(steps := values.get("steps"), int) and 0 < steps < WARMUP_STEPS:
            return {"warmup_steps": steps, **values}
        return values

    @model_validator(mode="after")
    def _batches_divide(self) -> "TrainConfig":
        if self.global_batch % self.ranks:
            raise ValueError(f"global_batch ({self.global_batch}) must be a multiple of ranks ({self.ranks})")
        if self.batch_ramp and self.micro_batch is None:
            raise ValueError("batch_ramp: set micro_batch, the samples that every size of the batch is cut into")
        if self.rank_batch % self.rank_micro_batch:
            raise ValueError(
                f"global_batch ({self.global_batch}) must be a multiple of ranks * micro_batch "
                f"({self.ranks} * {self.micro_batch})"
            )
        if self.batch_ramp:
            self.batch_ramp.check(self.global_batch, self.ranks * self.rank_micro_batch)
        if self.warmup_steps > self.steps:
            raise ValueError(f"warmup_steps ({self.warmup_steps}) must not exceed steps ({self.steps})")
        return self

    @model_validator(mode="after")
    def _engine_can(self) -> "TrainConfig":
        if self.dtype != "float32" and self.zero_stage == 0:
            raise ValueError(
                f"zero_stage: 0 keeps no float32 weights beside those in {self.dtype}; choose zero_stage 1, 2 or 3, "
                "or dtype float32"
            )
        if self.optimizer == "muon" and (self.zero_stage not in (1, 2) or self.offload_optimizer):
            raise ValueError(
                "optimizer: muon needs whole matrices, which only zero_stage 1 and 2 without offload_optimizer give it; "
                "choose these, or optimizer adamw"
            )
        if self.offload_optimizer and self.zero_stage == 0:
            raise ValueError(
                "offload_optimizer: zero_stage 0 shares nothing out that could be kept elsewhere; choose 1"
            )
        if self.offload_parameters and not (self.zero_stage == 3 and self.offload_optimizer):
            raise ValueError("offload_parameters: needs zero_stage 3 and offload_optimizer")
        if self.compile and self.zero_stage == 3:
            raise ValueError("compile: the hooks that gather weights at zero_stage 3 cannot be compiled; choose 1 or 2")
        check_keys(self.deepspeed)
        return self

    def batch_at(self, cursor: int) -> int:
        """Samples of the step that begins at `cursor`, over all ranks."""
        return self.batch_ramp.size_at(cursor, self.global_batch) if self.batch_ramp else self.global_batch

    @property
    def total_samples(self) -> int:
        """Samples of the whole run when no step is left out."""
        cursor = 0
        for step in range(self.steps):
            batch = self.batch_at(cursor)
            if batch == self.global_batch:
                return cursor + (self.steps - step) * batch
            cursor += batch
        return cursor

    @property
    def scales_loss(self) -> bool:
        """Whether the loss is scaled by a factor that is found on the way."""
        return self.dtype == "float16" and self.loss_scale.fixed == 0

    @property
    def rank_batch(self) -> int:
        """Samples of one rank in one step."""
        return self.global_batch // self.ranks

    @property
    def rank_micro_batch(self) -> int:
        """Samples of one rank at once."""
        return self.micro_batch or self.rank_batch

    @property
    def accumulation(self) -> int:
        """Micro-batches of one rank in one step."""
        return self.rank_batch // self.rank_micro_batch
