"""Vocab: a byte-level BPE vocabulary is trained on the documents, or the tokenizer that the recipe names is adopted."""

from collections.abc import Mapping
from pathlib import Path

from data.tokens.bpe import LOSS, adopt_tokenizer, train_tokenizer
from data.tokens.config import VocabConfig
from data.tokens.given_back import MOST_LOST
from data.tokens.vocabulary import find_tokenizer, settings_files
from orchestration.files import checksum, read_json
from orchestration.identity import digest
from orchestration.shards import Shard
from pipeline.stages.counts import DocumentCounts
from pipeline.stages.stage import Context, Input, Made, Stage, document_shards


class VocabCounts(DocumentCounts):
    """What vocab counted. Documents that were not drawn into the sample are among the dropped ones."""

    vocab_size: int
    """One more than the highest id."""
    sampled_bytes: int = 0
    """Bytes of text that the vocabulary was trained on."""


def _run(context: Context, inputs: Mapping[str, Path], config: VocabConfig, out: Path) -> Made:
    # A tokenizer that is taken as it is needs no documents; they are only measured for its report.
    work = {"documents": document_shards(inputs["documents"]) if "documents" in inputs else [], "seed": 0}
    cpus = int(context.cluster["node_CPU"])
    if config.tokenizer is None:
        counts = context.map(train_tokenizer, [Shard("tokenizer", {**work, "config": config})], out, "", cpus)[0]
        if counts["vocab_size"] < config.size:
            context.display.say(f"{context.stage:9} the text gave {counts['vocab_size']:,} of {config.size:,} ids")
    else:
        theirs = find_tokenizer(context.base / config.tokenizer)
        counts = context.map(adopt_tokenizer, [Shard("tokenizer", {**work, "tokenizer": theirs})], out, "", cpus)[0]
        loss = read_json(out / "tokenizer" / LOSS)
        if loss["share"] > MOST_LOST and not config.lossy:
            raise ValueError(
                f"vocab.tokenizer: {theirs}: {loss['words']}; take another tokenizer, or write `lossy: true` beside it"
            )
    return Made(VocabCounts(**counts), _content(out))


def _content(artifact: Path) -> str:
    """A hash of tokenizer.json, and of the files beside it that say what its special tokens are for."""
    tokenizer = artifact / "tokenizer" / "tokenizer.json"
    return digest({path.name: checksum(path) for path in (tokenizer, *settings_files(tokenizer))})


def _sources(config: VocabConfig, base: Path) -> dict[str, Path]:
    if config.tokenizer is None:
        return {}
    tokenizer = find_tokenizer(base / config.tokenizer)
    return {path.name: path for path in (tokenizer, *settings_files(tokenizer))}


STAGE = Stage(
    name="vocab",
    version=1,
    inputs=(Input("documents", label="dedup", optional=True),),
    gives="vocabulary",
    counts=VocabCounts,
    libraries=("tokenizers",),
    run=_run,
    content=_content,
    sources=_sources,
)
