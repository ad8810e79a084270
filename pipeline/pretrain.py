"""Pretraining on given token shards: batches and trainer are composed into the one function that every rank runs.

Ray Train starts that function in a run. Nothing here imports Ray, so `torchrun` can start it as well (`pipeline.torchrun`).
"""

if __name__ == "__main__":
    # This is how `torchrun -m gristmill train` was written first.
    import sys

    from gristmill_start import main

    sys.argv.insert(1, "train")
    main()

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.tokens.config import SamplingConfig
from data.tokens.sampling import Samples, validation_windows
from data.tokens.token_shards import TokenShardEntry, list_token_shards
from data.tokens.vocabulary import Encoder, load_vocabulary
from model.network.config import ModelConfig, parameters
from model.training.inputs import Data
from model.training.origin import Origin
from model.training.train_config import TrainConfig
from orchestration.disk import disk_full, find_full_disk
from orchestration.events import ends_torn
from orchestration.files import commit_folder, read_json, write_json, write_text
from orchestration.lease import occupy
from pipeline.recipe.recipe import PretrainConfig
from pipeline.releases.origin import check_vocabulary

if TYPE_CHECKING:
    from model.training.train import TrainResult

METRICS = "metrics.jsonl"
REFUSED = "refused"  # a file of this name says why another attempt would fail in the same way
STOP = "stop"  # a file of this name asks the ranks to save a checkpoint and end
CHECKPOINTS = "checkpoints"
CHECKPOINT_BYTES = 12  # of a parameter: its float32 weight and the two moments of AdamW
SOURCES_SHOWN = 5  # that a line names, of those without a validation loss


def rank_arguments(config: PretrainConfig, tokens: Path, tokenizer: Path, folder: Path) -> dict[str, Any]:
    """The arguments of `run_rank`, as JSON values; `folder` is where the training works.

    Raises ValueError when the network has fewer rows than the vocabulary has tokens, or its origin has another vocabulary.
    """
    model = with_vocabulary(config.model, tokenizer)
    if config.init_from is not None:
        check_vocabulary(Path(config.init_from), tokenizer)
    return {
        "model": model.model_dump(mode="json"),
        "training": config.training.model_dump(mode="json"),
        "sampling": config.sampling.model_dump(mode="json"),
        "tokens": str(tokens),
        "tokenizer": str(tokenizer),
        "folder": str(folder),
        "init_from": config.init_from,
        "init": config.init,
    }


def run_rank(
    arguments: dict[str, Any],
    show: Callable[[dict[str, Any]], None] = lambda record: None,
    should_stop: Callable[[], bool] = lambda: False,
) -> "TrainResult":
    """Train on this rank until the last step, or until a stop is asked for: by `should_stop`, or by a file STOP in the folder.

    `arguments` has `model`, `training` and `sampling` (sections of the recipe as JSON values), `tokens` (a folder of token
    shards), `tokenizer` (the tokenizer.json that made them), `folder` (where checkpoints and metrics go, and where an earlier
    attempt may have left some) and, when there is an origin, `init_from` (a checkpoint or a Hugging Face folder) with `init`
    ("weights" or "continue"). On the first rank `show` gets each record of the metrics. Raises ValueError when the data do
    not fit the training, or `folder` was begun on other samples.
    """
    # This imports DeepSpeed, which the driver does not need: it only sends this function to the ranks.
    from model.training.train import train

    folder = Path(arguments["folder"])
    model = ModelConfig.model_validate(arguments["model"])
    training = TrainConfig.model_validate(arguments["training"])
    sampling = SamplingConfig.model_validate(arguments["sampling"])
    data = read_data(Path(arguments["tokens"]), Path(arguments["tokenizer"]), training, sampling)
    origin = None
    if arguments.get("init_from"):
        origin = Origin(Path(arguments["init_from"]), arguments["init"])
    with occupy(folder):
        _check_same_samples(folder, data.order)
        return train(
            model,
            training,
            data,
            folder / CHECKPOINTS,
            _appender(folder / METRICS, show),
            lambda: should_stop() or (folder / STOP).exists(),
            commit_folder,
            origin,
        )


def read_data(tokens: Path, tokenizer: Path, training: TrainConfig, sampling: SamplingConfig) -> Data:
    """The data of a training: samples and validation windows from a folder of token shards, and the prompts in tokens.

    Raises ValueError when the folder has no token shards of the train split.
    """
    samples = train_samples(tokens, training, sampling)
    held_out = _by_source(list_token_shards(tokens), "validation")
    validation = {
        source: validation_windows(prefixes, training.sequence_length, training.validation_samples)
        for source, prefixes in held_out.items()
    }
    vocabulary = load_vocabulary(tokenizer)
    prompts = zip(training.prompts, Encoder(vocabulary).encode_to_lists(training.prompts), strict=True)
    sizes = {source: _bytes_per_token(prefixes) for source, prefixes in held_out.items()}
    return Data(
        batches=samples.batch,
        validation={source: windows for source, windows in validation.items() if len(windows)},
        order={
            "sequence_length": training.sequence_length,
            "sampling": sampling.model_dump(mode="json"),
            "windows": dict(samples.windows),
        },
        bytes_per_token={source: size for source, size in sizes.items() if size},
        end_id=vocabulary.end_id,
        prompts={text: [vocabulary.start_id, *ids] for text, ids in prompts},
        continued=vocabulary.continued,
    )


def without_validation(tokens: Path, sequence_length: int) -> dict[str, int]:
    """The training sources of a folder of token shards that no validation loss is taken of, with their validation tokens.

    Those are fewer than one window, which is `sequence_length` + 1.
    """
    entries = list_token_shards(tokens)
    sizes = {entry.source: 0 for entry in entries if entry.split == "train"}
    for entry in entries:
        if entry.split == "validation" and entry.source in sizes:
            sizes[entry.source] += entry.tokens
    return {source: size for source, size in sorted(sizes.items()) if size <= sequence_length}


def describe_without_validation(sizes: Mapping[str, int], sequence_length: int) -> str:
    """The line that says so of the sources that `without_validation` found; empty where there are none."""
    if not sizes:
        return ""
    few = ", ".join(f"{source} ({size:,} tokens)" for source, size in list(sizes.items())[:SOURCES_SHOWN])
    more = f" and {len(sizes) - SOURCES_SHOWN:,} more sources" if len(sizes) > SOURCES_SHOWN else ""
    return f"no validation loss of {few}{more}: fewer than sequence_length + 1 ({sequence_length + 1:,})"


def train_samples(tokens: Path, training: TrainConfig, sampling: SamplingConfig) -> Samples:
    """The training samples of a folder of token shards; raises ValueError when it has no shards of the train split."""
    shards = _by_source(list_token_shards(tokens), "train")
    if not shards:
        raise ValueError(f"{tokens}: there are no token shards of the train split in this folder")
    return Samples(shards, training.sequence_length, sampling)


def _bytes_per_token(prefixes: list[Path]) -> float | None:
    """UTF-8 bytes of text for each token of a source, with separators counted as tokens.

    None where a table of documents beside the shards is missing, or the source has no tokens.
    """
    tables = [Path(f"{prefix}.parquet") for prefix in prefixes]
    if not all(path.is_file() for path in tables):
        return None
    from data.tables import read_table  # It imports pyarrow, which a training on shards without tables does not need.

    columns = [read_table(path, ["bytes", "tokens"]).to_pydict() for path in tables]
    tokens = sum(sum(column["tokens"]) for column in columns)
    return sum(sum(column["bytes"]) for column in columns) / tokens if tokens else None


def run_rank_once(arguments: dict[str, Any]) -> None:
    """Call `run_rank` in a group that is started again when it fails; an error that would come again is not tried twice.

    Such an error (ValueError, ArithmeticError, a full disk) is written to the file REFUSED and raised.
    Later calls return at once.
    """
    refused = Path(arguments["folder"]) / REFUSED
    if refused.exists():
        return
    try:
        run_rank(arguments)
    except (ValueError, ArithmeticError) as error:
        write_text(refused, str(error))
        raise
    except Exception as error:
        if find_full_disk(error) is None:
            raise
        folder = Path(arguments["folder"])
        for half in (folder / CHECKPOINTS).glob("step-*.tmp"):  # This makes room for the file.
            shutil.rmtree(half, ignore_errors=True)
        need = CHECKPOINT_BYTES * parameters(ModelConfig.model_validate(arguments["model"]))
        write_text(refused, str(disk_full(folder, need)))
        raise


def _check_same_samples(folder: Path, order: dict[str, Any]) -> None:
    """Raise ValueError when the training in `folder` was begun with another order, under which its cursor means other samples."""
    path = folder / "samples.json"
    if not path.exists():
        write_json(path, order)  # The write is atomic, and every rank writes the same.
    elif _order(read_json(path)) != _order(order):
        raise ValueError(
            f"{folder}: was begun on other samples (tokens, sequence_length or sampling differ); choose another folder"
        )


def _order(order: dict[str, Any]) -> dict[str, Any]:
    """An order whose sampling has all fields of this release; those that an older release did not have are at their defaults."""
    return {**order, "sampling": SamplingConfig.model_validate(order["sampling"])}


def _by_source(entries: list[TokenShardEntry], split: str) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for entry in entries:
        if entry.split == split:
            found.setdefault(entry.source, []).append(entry.prefix)
    return dict(sorted(found.items()))


def _appender(path: Path, show: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """A function that appends a record to a JSON Lines file and shows it. The trainer calls it on the first rank only."""

    def log(record: dict[str, Any]) -> None:
        begin = "\n" if ends_torn(path) else ""
        with path.open("a", encoding="utf-8") as file:
            file.write(begin + json.dumps(record) + "\n")
        show(record)

    return log


def loss_and_speed(record: Mapping[str, Any]) -> str:
    """What a line of progress says of the record of a training step, as in `loss 5.372, 6,034 tokens/s`."""
    speed = f", {record['tokens_per_second']:,.0f} tokens/s" if record.get("tokens_per_second") else ""
    return f"loss {record['loss']:.3f}{speed}"


def with_vocabulary(model: ModelConfig, tokenizer: Path) -> ModelConfig:
    """The network's config, in which the tokenizer's size stands for a vocabulary size of 0; raises ValueError if too small."""
    size = load_vocabulary(tokenizer).size
    if model.vocab_size == 0:
        return model.model_copy(update={"vocab_size": size})
    if model.vocab_size < size:
        raise ValueError(
            f"pretrain.model.vocab_size: {model.vocab_size} is smaller than the tokenizer's vocabulary of {size}"
        )
    return model
