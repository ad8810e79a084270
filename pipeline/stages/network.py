"""Network: a network that was trained elsewhere is taken over, so that it can be evaluated, fine-tuned and exported."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.tokens.vocabulary import copy_vocabulary
from model.network.config import parameters
from model.training.origin import origin_files, origin_model
from orchestration.shards import Shard
from pipeline.recipe.recipe import NetworkConfig
from pipeline.releases.find import TAKEN, network_of
from pipeline.releases.origin import check_vocabulary
from pipeline.stages.counts import Counts
from pipeline.stages.stage import Context, Input, Made, Stage


class NetworkCounts(Counts):
    """What is counted of a network that was trained elsewhere."""

    parameters: int


def _run(context: Context, inputs: Mapping[str, Path], config: NetworkConfig, out: Path) -> Made:
    theirs = context.base / config.path
    tokenizer = inputs["vocabulary"] / "tokenizer" / "tokenizer.json"
    check_vocabulary(theirs, tokenizer)
    work = {"files": _files(theirs), "tokenizer": tokenizer}
    content = context.map(copy_network, [Shard(TAKEN.parent.name, work)], out, "")[0]["content"]
    return Made(NetworkCounts(parameters=parameters(origin_model(theirs))), content)


def copy_network(out: Path, files: Mapping[str, Path], tokenizer: Path) -> dict[str, Any]:
    """Copy the files of a network into a folder below `out`, and its tokenizer beside that; gives the network's content."""
    from model.formats.content import network_content  # imports torch, which a plan does not need

    folder = out / TAKEN.name
    folder.mkdir()
    for name, path in files.items():
        shutil.copyfile(path, folder / name)
    copy_vocabulary(tokenizer, out)
    return {"content": network_content(folder)}


def _files(folder: Path) -> dict[str, Path]:
    """The files that a network is read from: those of a checkpoint, or of a Hugging Face folder its config and its weights."""
    if (folder / "checkpoint.json").is_file():
        return {path.name: path for path in sorted(folder.iterdir()) if path.is_file()}
    return {path.name: path for path in origin_files(folder)}


def _content(artifact: Path) -> str:
    from model.formats.content import network_content  # imports torch, which a plan does not need

    return network_content(network_of(artifact))


STAGE = Stage(
    name="network",
    version=1,
    inputs=(Input("vocabulary", label="vocab"),),
    gives="network",
    counts=NetworkCounts,
    libraries=(),
    run=_run,
    content=_content,
    verifies=True,
    sources=lambda config, base: {"network": _files(base / config.path)},
)
