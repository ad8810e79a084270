"""The learning rate as a pure function of the step."""

import math

from model.training.train_config import TrainConfig


def learning_rate(step: int, config: TrainConfig) -> float:
    """The learning rate of step 0, 1, ..., steps - 1.

    Linear warmup to the peak, reached at step `warmup_steps - 1`; then, with x going from 0 to 1 at the last step,

    | `schedule` | share of the peak | from |
    | --- | --- | --- |
    | `cosine` | (1 + cos(pi x)) / 2 | Loshchilov and Hutter 2017 |
    | `linear` | 1 - x | |
    | `inverse_sqrt` | sqrt(warmup_steps / (step + 1)) | Vaswani et al. 2017, section 5.3 |
    | `constant` | 1 | |
    | `warmup_stable_decay` | 1, then linear to 0 over the last `decay_share` of the steps | Hu et al. 2024, section 4 |

    Where that falls to 0 it ends at `min_learning_rate` instead: the share s becomes m + (1 - m) s.
    """
    done = step + 1
    if done <= config.warmup_steps:
        return config.learning_rate * done / config.warmup_steps
    if config.schedule == "constant":
        return config.learning_rate
    if config.schedule == "inverse_sqrt":
        return config.learning_rate * math.sqrt(max(1, config.warmup_steps) / done)
    first = config.warmup_steps
    if config.schedule == "warmup_stable_decay":
        first = max(first, config.steps - math.ceil(config.decay_share * config.steps))
    progress = min(1.0, max(0, done - first) / max(1, config.steps - first))
    remaining = (1 + math.cos(math.pi * progress)) / 2 if config.schedule == "cosine" else 1 - progress
    return config.learning_rate * (config.min_learning_rate + (1 - config.min_learning_rate) * remaining)
