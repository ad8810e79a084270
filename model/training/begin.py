"""How a run begins: at its own newest checkpoint, with what another run or a Hugging Face folder left, or from random weights."""

from collections.abc import Callable
from typing import Any

import torch.distributed as dist
from torch import Tensor

from model.formats.checkpoint import DESCRIPTION, CheckpointInfo, read_checkpoint, verify
from model.formats.convert_hf import import_hf
from model.formats.progress import Progress
from model.formats.tensors import open_tensors
from model.network.config import ModelConfig
from model.network.init import initialize
from model.network.network import Network
from model.training.engine import Engine
from model.training.loss import NextTokenLoss
from model.training.origin import Origin, check_origin, differences, origin_identity
from model.training.snapshot import restore, seed_random
from model.training.train_config import TrainConfig


def resume(model: ModelConfig, config: TrainConfig, info: CheckpointInfo) -> tuple[Engine, Progress]:
    """The engine and the progress of a run as its own checkpoint has them."""
    return _engine(model, config, open_tensors(info, "weights"), info), info.progress.model_copy(deep=True)


def begin(
    model: ModelConfig, config: TrainConfig, samples: dict[str, Any], origin: Origin | None
) -> tuple[Engine, Progress]:
    """A new run. Raises ValueError where the origin does not fit it."""
    if origin is None:
        return _engine(model, config, None, None), Progress.at_start()
    parent: dict[str, Any] = {"identity": origin_identity(origin.folder), "mode": origin.mode}
    check_origin(model, config, origin)
    if not (origin.folder / DESCRIPTION).is_file():
        weights = import_hf(origin.folder)[1]
        return _engine(model, config, weights.__getitem__, None), Progress.at_start(parent)
    info = read_checkpoint(origin.folder)
    verify(info)
    parent["step"] = info.progress.step
    read = open_tensors(info, "weights")
    if origin.mode == "weights":
        return _engine(model, config, read, None), Progress.at_start(parent)
    now = info.progress.model_copy(update={"parent": parent}, deep=True)
    if info.samples != samples:  # on new data the run begins with the first sample
        now.cursor, now.skipped = 0, []
    return _engine(model, config, read, info), now


def _engine(
    model: ModelConfig, config: TrainConfig, weights: Callable[[str], Tensor] | None, state: CheckpointInfo | None
) -> Engine:
    """An engine with these weights, or random ones, and the rest of the state of a checkpoint, if any."""
    network = Network(model)
    if weights is None:
        initialize(network, config.seed)
    else:
        network.load_state_dict({name: weights(name) for name, _ in network.named_parameters()})
    engine = Engine(NextTokenLoss(network, config.z_loss), config)
    if state is None:
        seed_random(config.seed, step=0)
    else:
        restore(engine, state, config.seed)
    return engine


def check_same_model(model: ModelConfig, info: CheckpointInfo) -> None:
    """Raise ValueError when a run's own checkpoint holds another network."""
    different = differences(model, info.model)
    if different:
        raise ValueError(
            f"{info.folder}: holds another model ({', '.join(different)} differ); train it in a folder of its own"
        )


def describe_resume(info: CheckpointInfo) -> str:
    """What the log says about going on from a checkpoint."""
    message, ranks = f"going on from {info.folder.name}", dist.get_world_size()
    if info.layout.ranks != ranks:
        message += f", saved on {info.layout.ranks} ranks, on {ranks}"
    if info.layout.ranks < ranks:
        message += "; the random states of the new ranks follow from seed and step"
    return message
