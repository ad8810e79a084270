"""A network from a folder: a checkpoint of ours, or a Hugging Face folder of a family that ours can express."""

from pathlib import Path

import torch

from model.formats.checkpoint import DESCRIPTION, checkpoint_folders, read_checkpoint, read_weights, verify
from model.formats.convert_hf import import_hf
from model.formats.reading import one_line
from model.network.config import ModelConfig
from model.network.network import Network


def find_checkpoint(folder: Path) -> Path:
    """`folder` itself if it is a checkpoint or a Hugging Face folder, or the newest of the checkpoints in it.

    Raises ValueError when there is neither.
    """
    if (folder / DESCRIPTION).is_file() or (folder / "config.json").is_file():
        return folder
    whole = [path for path in checkpoint_folders(folder) if (path / DESCRIPTION).is_file()]
    if not whole:
        found = "neither a checkpoint nor a Hugging Face folder" if folder.is_dir() else "there is no such folder"
        raise ValueError(f"{folder}: {found}; give one with {DESCRIPTION}, config.json or step-* checkpoints in it")
    return whole[-1]


def load_network(folder: Path, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Network:
    """The network of a checkpoint, of the newest checkpoint in a folder of them, or of a Hugging Face folder.

    Returned in evaluation mode. Raises ValueError in one line for a folder that is none of these, whose content is not
    what was written, or that is of a family or a format that cannot be read.
    """
    folder = find_checkpoint(folder)
    config, weights = read_ours(folder) if (folder / DESCRIPTION).is_file() else import_hf(folder)
    with torch.random.fork_rng(devices=[]):  # the first values are overwritten: the caller's random state must not move
        network = Network(config)
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{folder}: its weights do not fit its configuration ({one_line(error)})") from None
    return network.to(device=device, dtype=dtype).eval()


def read_ours(folder: Path) -> tuple[ModelConfig, dict[str, torch.Tensor]]:
    """Config and weights of a checkpoint, checked against its checksums. Raises ValueError naming what is wrong."""
    info = read_checkpoint(folder)
    verify(info, ("weights",))
    return info.model, read_weights(folder)
