"""Checkpoints of small networks for the tests, written without a training."""

from pathlib import Path

from model.formats.checkpoint import CheckpointInfo, RankLayout, file_name, folder_name, write_description
from model.formats.progress import Progress
from model.formats.tensors import shares, write_tensors
from model.network.config import ModelConfig
from model.network.init import initialize
from model.network.network import Network


def write_checkpoint(parent: Path, config: ModelConfig, step: int, ranks: int = 2, seed: int | None = None) -> Network:
    """A checkpoint with the weights of a network of this seed (by default the step), shared out over the ranks."""
    folder = parent / folder_name(step)
    folder.mkdir(parents=True)
    network = Network(config)
    initialize(network, step if seed is None else seed)
    weights = network.state_dict()
    files = {}
    for rank, names in enumerate(shares({name: weight.numel() for name, weight in weights.items()}, ranks)):
        name = file_name("weights", rank, ranks)
        files[name] = write_tensors(folder / name, {each: weights[each] for each in names})
    write_description(
        CheckpointInfo(
            folder=folder,
            progress=Progress(step=step, cursor=0, tokens=0, loss=1.0, validation={}),
            optimizer_steps=step,
            model=config,
            train={},
            layout=RankLayout(ranks=ranks, zero_stage=1, dtype="float32", micro_batch=1, threads=1),
            files=files,
        )
    )
    return network.eval()
