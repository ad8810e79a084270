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
from data.tokens.vocabulary import Encoder, load_vocabulary
from model.evaluation.choices import read_items, score_items, summary
from model.evaluation.evaluate import bits_per_byte, perplexity, score_documents
from model.formats.load import best_device, load_network
from orchestration.progress import Display
from pipeline.releases.find import Release


def evaluate_release(release: Release, data: Path | None, task: Path | None, console: Console) -> dict[str, Any]:
    """The perplexity and bits per byte of a release on the texts in `data`, and its accuracy on the items of `task`.

    Raises ValueError when a file is absent or holds something that cannot be read.
    """
    network, vocabulary = load_network(release.network, device=best_device()), load_vocabulary(release.tokenizer)
    encoder = Encoder(vocabulary)
    result: dict[str, Any] = {}
    if data is not None:
        texts = read_texts(data)
        with Display(console) as display:
            scores = score_documents(
                network,
                encoder.encode(texts),
                [len(text.encode()) for text in texts],
                vocabulary.start_id,
                progress=lambda done, total: display.update("text", done, total, "windows"),
            )
        nats, tokens, size = float(scores.nats.sum()), int(scores.tokens.sum()), int(scores.bytes.sum())
        result |= {
            "documents": len(texts),
            "tokens": tokens,
            "perplexity": perplexity(nats, tokens),
            "bits_per_byte": bits_per_byte(nats, size),
        }
    if task is not None:
        if not task.is_file():
            raise ValueError(f"{task}: there is no such file")
        with Display(console) as display:
            answers = score_items(
                network,
                read_items(task),
                encoder.encode_to_lists,
                vocabulary.start_id,
                progress=lambda done, total: display.update("task", done, total, "windows"),
            )
        result["task"] = summary(answers)
    return result


def read_texts(path: Path) -> list[str]:
    """The texts of a file of any format that a recipe can name, normalised as `collect` does.

    Raises ValueError when the file is absent or holds something that cannot be read.
    """
    config = CollectConfig(sources=[SourceConfig(name="text", path=str(path.resolve()))])
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
                texts += read_table(part, ["text"])["text"].to_pylist()
    if not texts:
        raise ValueError(f"{path}: there is no text in it")
    return texts
