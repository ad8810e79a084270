"""A network from a folder: a checkpoint of ours, or a Hugging Face folder of a family that ours can express."""

from pathlib import Path

import torch

from model.formats.checkpoint import DESCRIPTION, find_checkpoint, read_checkpoint, verify
from model.formats.convert_hf import import_hf
from model.formats.reading import one_line
from model.formats.tensors import check_finite, read_weights
from model.network.config import ModelConfig
from model.network.network import Network


def load_network(folder: Path, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Network:
    """The network of a checkpoint, of the newest checkpoint in a folder of them, or of a Hugging Face folder.

    Returned in evaluation mode. Raises ValueError in one line for a folder that is none of these, whose content is not
    what was written, that is of a family or a format that cannot be read, or that has a weight which is not finite.
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


def best_device() -> str:
    """`cuda` where this process was given a GPU, else `cpu`."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def read_ours(folder: Path) -> tuple[ModelConfig, dict[str, torch.Tensor]]:
    """Config and weights of a checkpoint, checked against its checksums. Raises ValueError naming what is wrong."""
    info = read_checkpoint(folder)
    verify(info, ("weights",))
    weights = read_weights(folder)
    for name in sorted(weights):
        check_finite(folder, name, weights[name])
    return info.model, weights


def check_tokenizer(network: Network, highest_id: int, folder: Path) -> None:
    """Raise ValueError when the tokenizer of a network's folder has ids that the network has no row for."""
    rows = network.config.vocab_size
    if highest_id >= rows:
        raise ValueError(
            f"{folder}: the tokenizer has ids up to {highest_id}, the network has {rows} rows (0 to {rows - 1}); "
            "take the tokenizer that it was trained with, or give its embedding a row for each token"
        )
