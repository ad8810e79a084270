"""How the network is trained: the numbers that a recipe can set, and the checks that need no data.

A field marked "speed" or "display" changes how fast a run goes or what it prints, not what it computes (beyond the last
bits of float arithmetic); the others decide the weights.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class TrainConfig(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int = Field(default=1000, gt=0)
    """Optimizer steps of the whole run."""
    sequence_length: int = Field(default=1024, gt=0)
    """Tokens that are predicted in each sample; at most the network's max_sequence_length."""
    global_batch: int = Field(default=32, gt=0)
    """Samples in each step, over all ranks."""
    micro_batch: Annotated[int | None, "speed"] = Field(default=None, gt=0)
    """Samples that one rank takes at once; the rest is gradient accumulation. Null: global_batch / ranks, at once."""
    ranks: Annotated[int, "speed"] = Field(default=1, gt=0)
    """Data-parallel processes, one a GPU or a share of the CPU cores."""

    learning_rate: float = Field(default=3e-4, gt=0)
    """Peak learning rate."""
    min_learning_rate: float = Field(default=0.1, ge=0, le=1)
    """Where cosine and linear schedules end, as a share of learning_rate."""
    warmup_steps: int = Field(default=100, ge=0)
    """Steps of linear warmup from 0."""
    schedule: Literal["cosine", "linear", "constant"] = "cosine"
    """How the learning rate goes on after the warmup."""
    adam_beta1: float = Field(default=0.9, ge=0, lt=1)
    """Decay of AdamW's first moment."""
    adam_beta2: float = Field(default=0.95, ge=0, lt=1)
    """Decay of AdamW's second moment."""
    adam_eps: float = Field(default=1e-8, gt=0)
    """Added to the root of AdamW's second moment."""
    weight_decay: float = Field(default=0.1, ge=0)
    """Decoupled weight decay (Loshchilov and Hutter 2019) of matrices; norms and biases have none."""
    clip: float = Field(default=1.0, ge=0)
    """Largest norm of the whole gradient, larger ones are scaled down to it; 0: no clipping."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Type of weights and activations in forward and backward; master weights and optimizer are float32 always."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of the first weights and of dropout."""

    zero_stage: Annotated[int, "speed"] = Field(default=1, ge=0, le=3)
    """What the ranks share out (ZeRO, Rajbhandari et al. 2020): 0 nothing, 1 optimizer, 2 and gradients, 3 and weights."""
    threads: Annotated[int, "speed"] = Field(default=0, ge=0)
    """CPU threads of each rank; 0: the machine's cores / the ranks on it."""

    validate_every: Annotated[int, "display"] = Field(default=100, ge=0)
    """Steps between two validation losses; 0: only at the end."""
    validation_samples: int = Field(default=128, gt=0)
    """Samples of each source's validation split that a validation loss is taken over, at most."""
    checkpoint_every: Annotated[int, "speed"] = Field(default=500, ge=0)
    """Steps between two checkpoints; 0: only at the end or when stopped."""
    keep_checkpoints: Annotated[int, "speed"] = Field(default=2, gt=0)
    """Newest checkpoints that are kept."""
    log_every: Annotated[int, "display"] = Field(default=1, gt=0)
    """Steps between two records of loss and speed."""
    max_failures: Annotated[int, "speed"] = Field(default=3, ge=0)
    """Times that a lost rank is made up for by starting the ranks again from the newest checkpoint."""

    @model_validator(mode="after")
    def _batches_divide(self) -> "TrainConfig":
        if self.global_batch % self.ranks:
            raise ValueError(f"global_batch ({self.global_batch}) must be a multiple of ranks ({self.ranks})")
        if self.rank_batch % self.rank_micro_batch:
            raise ValueError(
                f"global_batch ({self.global_batch}) must be a multiple of ranks * micro_batch "
                f"({self.ranks} * {self.micro_batch})"
            )
        if self.warmup_steps > self.steps:
            raise ValueError(f"warmup_steps ({self.warmup_steps}) must not exceed steps ({self.steps})")
        if self.dtype == "bfloat16" and self.zero_stage == 0:
            raise ValueError(
                "zero_stage: 0 keeps no float32 weights beside those in bfloat16; choose zero_stage 1, 2 or 3, "
                "or dtype float32"
            )
        return self

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
