"""Finding the network that a user means: by a run's name or folder, a checkpoint folder, or an exported folder."""

from dataclasses import dataclass
from pathlib import Path

from model.formats.checkpoint import checkpoint_folders, find_checkpoint

TAKEN = Path("network", "files")  # where an artifact has a network that was trained elsewhere


@dataclass(frozen=True)
class Release:
    """The folder of a network, and the tokenizer.json that belongs to it."""

    network: Path
    tokenizer: Path


def find_release(checkpoint: str, runs: Path) -> Release:
    """The release that the argument CHECKPOINT of a command names; `runs` is the folder of all runs.

    A bare name that is a run is that run, unless there is a folder of the name which holds a network.

    Raises ValueError, which says what was looked for, when there is none.
    """
    path, run = Path(checkpoint), runs / checkpoint
    is_run = path.name == checkpoint and checkpoint != ".." and run.is_dir()
    if path.is_dir() and (not is_run or holds_network(path)):
        return release_at(path)
    if is_run:
        if not any((run / stage).exists() for stage in ("pretrain", "network")):
            raise ValueError(
                f"run {checkpoint!r} has no pretrained checkpoint yet: `gristmill status {checkpoint}` says how far it is"
            )
        return release_at(run)
    raise ValueError(f"{checkpoint}: neither a folder nor the name of a run in {runs}")


def holds_network(folder: Path) -> bool:
    """Whether a folder stands for a network, as `network_at` finds it."""
    try:
        network_at(folder)
    except ValueError:
        return False
    return True


def network_at(folder: Path) -> Path:
    """The checkpoint or Hugging Face folder that a folder stands for: itself, or the newest checkpoint of a run.

    Raises ValueError when there is none.
    """
    if (folder / "network" / TAKEN).is_dir():
        return (folder / "network" / TAKEN).resolve()
    pretrain = (folder / "pretrain").resolve() if (folder / "pretrain").exists() else folder
    return find_checkpoint(pretrain / "checkpoints" if (pretrain / "checkpoints").is_dir() else pretrain)


def release_at(folder: Path) -> Release:
    """The network that a folder stands for, with its tokenizer; raises ValueError when one of them is missing."""
    network = network_at(folder)
    places = [
        place for place in (network, network.parent, network.parent.parent) if (place / "tokenizer.json").is_file()
    ]
    if not places:
        raise ValueError(
            f"{folder}: no tokenizer.json beside the checkpoint; copy the one that it was trained with there"
        )
    return Release(network, places[0] / "tokenizer.json")


def network_of(artifact: Path) -> Path:
    """The folder of the network in an artifact of `pretrain`, which has one checkpoint once it is whole, or of `network`."""
    taken = artifact / TAKEN
    return taken if taken.is_dir() else checkpoint_folders(artifact / "checkpoints")[-1]
