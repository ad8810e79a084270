"""What fine-tuning for sequence classification needs to be told."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from model.section import Section


class ClassifyConfig(Section):
    """Fine-tune the whole network and a linear head for a label of each text."""

    text_field: str = "text"
    """The field of each JSON Lines record that holds the text."""
    label_field: str = "label"
    """The field that holds the class: a string, an integer or a boolean."""
    split_field: str = "split"
    """The field that says `train` or `test`; where no record has it, a hash of the text decides."""
    test_fraction: float = Field(default=0.2, gt=0, lt=1)
    """So much is held out when the file has no splits. Unit: share of the texts."""
    split_seed: int = 0
    """Seed of the hash that holds texts out; equal texts always fall on the same side."""
    max_length: int = Field(default=256, gt=0)
    """So much is read of each text, from its beginning; the rest is cut off. What is longer than the network's
    max_sequence_length is read in windows, one after another. Unit: tokens."""
    pooling: Literal["mean", "last"] = "mean"
    """What the head sees: the mean of the final states over the text, or the state of its last token."""
    epochs: float = Field(default=6.0, gt=0, allow_inf_nan=False)
    """How often the training texts are gone through. Unit: passes."""
    batch_size: int = Field(default=16, gt=0)
    """Size of a step. Unit: texts."""
    learning_rate: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Peak of the learning rate of AdamW, for the network and the head; it falls linearly to 0. Null stands for 0.25 divided by
    the width of the network: small networks need larger steps."""
    warmup: float = Field(default=0.1, ge=0, lt=1)
    """So long the learning rate rises from 0. Unit: share of the steps."""
    weight_decay: float = Field(default=0.01, ge=0, allow_inf_nan=False)
    """AdamW's decay of matrices; gains and biases are left out."""
    gradient_clip: float = Field(default=1.0, gt=0)
    """Largest norm of the gradient; larger ones are scaled down to it."""
    dropout: float = Field(default=0.1, ge=0, lt=1)
    """Probability of dropout before the head."""
    seeds: tuple[Annotated[int, Field(ge=0, lt=2**32)], ...] = Field(default=(0, 1, 2), min_length=1)
    """One fine-tuning is made for each, which decides the head's first values and the order of the texts; scores are means over
    them."""
    evaluation_batch_size: Annotated[int, "speed"] = Field(default=64, gt=0)
    """So many are predicted at a time. Unit: texts."""

    @field_validator("seeds")
    @classmethod
    def _seeds_differ(cls, seeds: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("two seeds are the same; a second run of a seed tells nothing")
        return seeds
