"""How good the network is while it trains: losses of held-out text by source, and sample texts."""

from collections.abc import Callable

import numpy as np
import torch
import torch.distributed as dist

from model.evaluation.generate import generate
from model.training.batch import document_numbers
from model.training.distributed import device
from model.training.engine import Engine
from model.training.train_config import TrainConfig

TEMPERATURE, TOP_K = 0.8, 50  # how the tokens of sample texts are drawn


def validate(
    engine: Engine, config: TrainConfig, validation: dict[str, np.ndarray], end_id: int
) -> tuple[dict[str, float], float]:
    """Mean loss in nats per token by source, and over all tokens of all sources."""
    sums = {source: sum_losses(engine, config, rows, end_id) for source, rows in validation.items()}
    by_source = {source: nats / tokens for source, (nats, tokens) in sums.items()}
    return by_source, sum(nats for nats, _ in sums.values()) / sum(tokens for _, tokens in sums.values())


def sum_losses(engine: Engine, config: TrainConfig, rows: np.ndarray, end_id: int) -> tuple[float, float]:
    """Nats and tokens of samples (n, seq + 1), n > 0, over all ranks."""
    rank, ranks, size = dist.get_rank(), dist.get_world_size(), config.rank_micro_batch
    sums = torch.zeros(2, dtype=torch.float64, device=device())
    for first in range(0, len(rows), ranks * size):
        numbers = first + rank * size + np.arange(size)
        # At ZeRO stage 3 a forward pass takes all ranks; rows past the end are read twice and not counted.
        samples = rows[np.minimum(numbers, len(rows) - 1)]
        tokens = torch.from_numpy(samples).to(device(), torch.int64)
        documents = document_numbers(tokens, end_id) if config.mask_documents else None
        losses = engine.validation_losses(tokens, documents).view(size, -1)
        counted = losses[torch.from_numpy(numbers < len(rows)).to(device())].double()
        sums += torch.stack((counted.sum(), torch.tensor(float(counted.numel()), device=device())))
    dist.all_reduce(sums)
    nats, tokens = sums.tolist()
    return nats, tokens


def sample_texts(
    engine: Engine, config: TrainConfig, prompts: dict[str, list[int]], continued: Callable[[list[int], list[int]], str]
) -> dict[str, str]:
    """The text that the network writes after each prompt, by prompt. `prompts` has the token ids of each.

    Every rank must call it; the texts are on rank 0 alone.
    """
    network = engine.whole_network()
    if dist.get_rank() != 0:
        return {}
    return {
        text: continued(ids, generate(network, ids, config.sample_tokens, TEMPERATURE, TOP_K, seed=config.seed))
        for text, ids in prompts.items()
    }
