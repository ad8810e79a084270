"""The command `evaluate`: a network's perplexity on texts, and its accuracy on a task."""

import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from data.collect.collect import collect_shard, plan_shards
from data.collect.config import CollectConfig
from data.documents import document_files
from data.sources.config import SourceConfig
from data.tables import read_table
from data.tokens.given_back import given_back
from data.tokens.vocabulary import Encoder, Vocabulary
from model.evaluation.choices import read_items, score_items, summary
from model.evaluation.evaluate import score_documents
from model.evaluation.reportable import bits_per_byte, perplexity
from model.network.network import Network
from orchestration.progress import Display
from pipeline.releases.find import Release
from pipeline.releases.open import open_release


def evaluate_release(release: Release, data: Path | None, task: Path | None, console: Console) -> dict[str, Any]:
    """The perplexity and bits per byte of a release on the texts in `data`, and its accuracy on the items of `task`.

    Bits per byte is left out, and the console told why, where tokens do not give the texts back. Raises ValueError when a file is
    absent or holds something that cannot be read, for a text without a token, and for a score that is no number.
    """
    network, vocabulary = open_release(release)
    result: dict[str, Any] = {}
    if data is not None:
        result |= score_texts(network, vocabulary, data, console)
    if task is not None:
        result["task"] = score_items_of(network, vocabulary, task, console)
    return result


def score_texts(network: Network, vocabulary: Vocabulary, data: Path, console: Console) -> dict[str, Any]:
    """Perplexity and bits per byte on the texts in a file; raises as `evaluate_release` does."""
    places, texts = read_texts(data)
    ids = Encoder(vocabulary).encode(texts)
    for place, row in zip(places, ids, strict=True):
        if not len(row):
            raise ValueError(f"{place}: the vocabulary has no token for anything in this text; leave it out")
    with Display(console) as display:
        scores = score_documents(
            network,
            ids,
            [len(text.encode()) for text in texts],
            vocabulary.start_id,
            progress=lambda done, total: display.update("text", done, total, "windows"),
            name=places.__getitem__,
        )
    nats, tokens, size = float(scores.nats.sum()), int(scores.tokens.sum()), int(scores.bytes.sum())
    result = {"documents": len(texts), "tokens": tokens, "perplexity": perplexity(nats, tokens)}
    loss = given_back(vocabulary, texts, ids)
    if loss.differing:
        console.print(loss.describe(), highlight=False, markup=False)
        return result | {"texts_not_given_back": loss.differing, "unknown_tokens": loss.unknown}
    return result | {"bits_per_byte": bits_per_byte(nats, size)}


def score_items_of(network: Network, vocabulary: Vocabulary, task: Path, console: Console) -> dict[str, float]:
    """The accuracy on the items of a file; raises as `evaluate_release` does."""
    if not task.is_file():
        raise ValueError(f"{task}: there is no such file")
    with Display(console) as display:
        answers = score_items(
            network,
            read_items(task),
            Encoder(vocabulary).encode_to_lists,
            vocabulary.start_id,
            progress=lambda done, total: display.update("task", done, total, "windows"),
        )
    return summary(answers)


def read_texts(path: Path) -> tuple[list[str], list[str]]:
    """The places and texts of a file of any format that a recipe can name, normalised as `collect` does.

    Raises ValueError when the file is absent or holds something that cannot be read.
    """
    config = CollectConfig(sources=[SourceConfig(name="text", path=str(path.resolve()))])
    places: list[str] = []
    texts: list[str] = []
    with tempfile.TemporaryDirectory(prefix="gristmill-texts-") as folder:
        for shard in plan_shards(config, path.resolve().parent):
            out = Path(folder) / shard.key
            out.mkdir()
            collect_shard(out, shard, config)
            unreadable = out / "quarantine.parquet"
            if unreadable.is_file():
                first = read_table(unreadable).to_pylist()[0]
                raise ValueError(f"{path}: {first['locator'].rsplit('#', 1)[-1]}: {first['error']}")
            for part in document_files(out):
                table = read_table(part, ["text", "uri"])
                texts += table["text"].to_pylist()
                places += table["uri"].to_pylist()
    if not texts:
        raise ValueError(f"{path}: there is no text in it")
    return places, texts
