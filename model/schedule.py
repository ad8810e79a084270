"""The learning rate as a pure function of the step."""

import math

from model.train_config import TrainConfig


def learning_rate(step: int, config: TrainConfig) -> float:
    """The learning rate of step 0, 1, ..., steps - 1.

    Linear warmup to the peak, reached at step `warmup_steps - 1`; then cosine (Loshchilov and Hutter 2017) or linear
    decay that reaches `min_learning_rate * learning_rate` at the last step, or constant.
    """
    if step < config.warmup_steps:
        return config.learning_rate * (step + 1) / config.warmup_steps
    if config.schedule == "constant":
        return config.learning_rate
    decay_steps = max(1, config.steps - config.warmup_steps)
    progress = min(1.0, (step + 1 - config.warmup_steps) / decay_steps)
    remaining = (1 + math.cos(math.pi * progress)) / 2 if config.schedule == "cosine" else 1 - progress
    return config.learning_rate * (config.min_learning_rate + (1 - config.min_learning_rate) * remaining)
