"""What is known before anything runs: a run that cannot work is refused, and what will not come out as asked for is said."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from data.sources.config import COMPRESSED, format_of
from data.tokens.config import special_tokens
from data.tokens.given_back import SAMPLE, loss_of
from data.tokens.vocabulary import find_tokenizer, load_vocabulary
from pipeline.recipe.recipe import Recipe
from pipeline.runs.plan import Step
from pipeline.stages.source_hashes import Source

PLAIN = ("text", "jsonl", "csv", "html")  # formats whose files are not smaller than the text in them


def check_cluster(recipe: Recipe, steps: Sequence[Step], cluster: Mapping[str, float]) -> None:
    """Raise ValueError when the cluster has too few CPUs or GPUs for a training that is to be done."""
    if recipe.pretrain is None or not any(step.stage.trains and step.action != "reuse" for step in steps):
        return
    wanted, has = recipe.resources.gpus or 0, cluster.get("GPU", 0)
    if wanted > has:
        raise ValueError(
            f"resources.gpus: this recipe is made for {wanted} GPUs and there are {has:g}; join a cluster that has them with "
            "--address, or set resources.gpus=null to train without"
        )
    ranks, kind = recipe.pretrain.training.ranks, "GPU" if has else "CPU"
    if ranks > cluster.get(kind, 0):
        raise ValueError(
            f"pretrain.training.ranks: {ranks} ranks need {ranks} {kind}s and there are {cluster.get(kind, 0):g}; set fewer "
            "ranks or join a larger cluster with --address"
        )


def check_text(recipe: Recipe, base: Path, steps: Sequence[Step]) -> None:
    """Raise ValueError when the text is surely shorter than one sequence of the training.

    The tokens are known when they are made already. Before that a token is taken for no less than half a byte, since each byte
    of text is a token at most and each document has one token more.
    """
    if recipe.pretrain is None:
        return
    length = recipe.pretrain.training.sequence_length
    tokens = next((step.artifact for step in steps if step.stage.gives == "tokens"), None)
    size = text_bytes(base, steps)
    if tokens:
        train = tokens.manifest["counts"]["tokens_by_split"].get("train", 0)
        if train <= length:
            raise ValueError(
                f"pretrain.training.sequence_length: {length:,}, and all training text has {train:,} tokens; take shorter "
                "sequences or more text"
            )
    elif size is not None and 2 * size <= length:
        raise ValueError(
            f"pretrain.training.sequence_length: {length:,}, and all text has {size:,} bytes; take shorter sequences or more text"
        )


def notes(recipe: Recipe, base: Path, steps: Sequence[Step]) -> list[str]:
    """Lines on what will not come out as the recipe asks for it."""
    vocab, size = recipe.vocab, text_bytes(base, steps)
    if vocab and vocab.tokenizer:
        loss = loss_of(load_vocabulary(find_tokenizer(base / vocab.tokenizer)), SAMPLE)
        return [f"vocab.tokenizer: of a sample in several scripts {loss.describe()}"] if loss.differing else []
    if vocab is None or vocab.tokenizer is not None or size is None:
        return []
    # Every merge takes `min_frequency` pairs together, or more, and there are no more pairs than bytes.
    most = 256 + len(special_tokens(vocab)) + size // vocab.min_frequency
    if vocab.size <= most:
        return []
    return [
        f"vocab.size: {vocab.size:,} ids cannot be filled by {size:,} bytes of text; there will be {most:,} at most"
    ]


def text_bytes(base: Path, steps: Sequence[Step]) -> int | None:
    """The bytes of the files that a run begins with, which are no fewer than those of the texts; None where that is not known."""
    first = next((step for step in steps if step.stage.gives == "documents"), None)
    if first is None:
        return None
    sizes = [_plain_bytes(file) for file in _files(first.stage.sources(first.config, base))]
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None


def _files(source: Source) -> Iterator[Source]:
    if isinstance(source, Mapping):
        for part in source.values():
            yield from _files(part)
    else:
        yield source


def _plain_bytes(source: Source) -> int | None:
    if not isinstance(source, str | Path):
        return None
    path = Path(source)
    plain = format_of(path.name) in PLAIN and not path.name.lower().endswith(COMPRESSED)
    return path.stat().st_size if plain and path.is_file() else None
