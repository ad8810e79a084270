"""Finding what a user means by CHECKPOINT: a run's name, a checkpoint folder, or an exported folder."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.view import runs_folder


@dataclass(frozen=True)
class Release:
    """A network's folder and the tokenizer that belongs to it."""

    network: Path
    tokenizer: Path


def find_release(checkpoint: str, workdir: Path) -> Release:
    """Resolve a CHECKPOINT argument; raises ValueError that says what was looked for."""
    path, run = Path(checkpoint), runs_folder(workdir) / checkpoint
    if path.is_dir():
        return _at(path)
    if Path(checkpoint).name == checkpoint and run.is_dir():
        if not (run / "pretrain").exists():
            raise ValueError(
                f"run {checkpoint!r} has no pretrained checkpoint yet: `gristmill status {checkpoint}` says how far it is"
            )
        return _at((run / "pretrain").resolve())
    raise ValueError(f"{checkpoint}: neither a folder nor the name of a run in {runs_folder(workdir)}")


def _at(folder: Path) -> Release:
    from model.load import find_checkpoint

    network = find_checkpoint(folder / "checkpoints" if (folder / "checkpoints").is_dir() else folder)
    places = [
        place for place in (network, network.parent, network.parent.parent) if (place / "tokenizer.json").is_file()
    ]
    if not places:
        raise ValueError(
            f"{folder}: no tokenizer.json beside the checkpoint; copy the one that it was trained with there"
        )
    return Release(network, places[0] / "tokenizer.json")
