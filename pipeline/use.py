"""What one does with a checkpoint that is there: score it, fine-tune it, let it write, export it."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from orchestration.progress import Display
from pipeline.checkpoints import Release


def special_ids(tokenizer: Path) -> tuple[int, int | None]:
    """Ids that end a text and that pad it; raises ValueError when the tokenizer has no end-of-text token that we know."""
    from data.bpe import load_tokenizer

    reader = load_tokenizer(tokenizer)
    ends = [reader.token_to_id(token) for token in ("<|endoftext|>", "</s>", "<|end_of_text|>", "<s>")]
    known = [number for number in ends if number is not None]
    if not known:
        raise ValueError(f"{tokenizer}: no <|endoftext|>, </s> or <|end_of_text|> among its tokens")
    return known[0], reader.token_to_id("<|pad|>")


def encoder(tokenizer: Path) -> Callable[[Sequence[str]], list[list[int]]]:
    """A function from texts to token ids, special tokens in the text read as plain text."""
    from data.bpe import encode_documents, load_tokenizer

    reader = load_tokenizer(tokenizer)
    return lambda texts: [ids.tolist() for ids in encode_documents(reader, list(texts))]


def evaluate_release(release: Release, data: Path | None, task: Path | None, console: Console) -> dict[str, Any]:
    """Perplexity and bits per byte of the texts in `data`, accuracy on the items of `task`."""
    import numpy as np

    from model.choices import read_items, score_items, summary
    from model.evaluate import bits_per_byte, perplexity, score_documents
    from model.load import load_network

    network, encode = load_network(release.network), encoder(release.tokenizer)
    end_id, _ = special_ids(release.tokenizer)
    result: dict[str, Any] = {}
    if data is not None:
        texts = read_texts(data)
        ids = [np.array(each) for each in encode(texts)]
        with Display(console) as display:
            scores = score_documents(
                network,
                ids,
                [len(text.encode()) for text in texts],
                end_id,
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
                lambda text: encode([text])[0],
                end_id,
                progress=lambda done, total: display.update("task", done, total, "windows"),
            )
        result["task"] = summary(answers)
    return result


def read_texts(path: Path) -> list[str]:
    """The texts of a file of any format that a recipe can name, normalised as `collect` does.

    Raises ValueError when the file is absent or holds something that cannot be read.
    """
    from data.collect import CollectConfig, SourceConfig, collect_shard, plan_shards
    from data.documents import read_table

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
            for part in sorted(out.glob("documents-*.parquet")):
                texts += read_table(part)["text"].to_pylist()
    if not texts:
        raise ValueError(f"{path}: there is no text in it")
    return texts


def finetune_release(
    release: Release, data: Path, settings: Sequence[str], folder: Path, console: Console
) -> dict[str, Any]:
    """Fine-tune over the seeds; the classifier of the first goes to `folder`."""
    import yaml
    from pydantic import ValidationError

    from model.classifier_files import save_classifier
    from model.classify import compare
    from model.classify_config import ClassifyConfig
    from model.examples import read_examples
    from model.load import load_network

    try:
        values = {key: yaml.safe_load(value) for key, _, value in (setting.partition("=") for setting in settings)}
        config = ClassifyConfig.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        known = ", ".join(ClassifyConfig.model_fields)
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}; the settings are {known}") from error
    if not data.is_file():
        raise ValueError(f"--data {data}: there is no such file")
    if folder.exists():
        raise ValueError(f"--out {folder}: exists already; choose another folder or remove it")
    examples = read_examples(data, config)
    console.print(
        f"{len(examples.train):,} texts to learn from, {len(examples.test):,} held out, {2 * len(config.seeds)} fine-tunings"
    )
    end_id, _ = special_ids(release.tokenizer)
    with Display(console) as display:
        classifier, scores = compare(
            load_network(release.network),
            examples,
            encoder(release.tokenizer),
            config,
            end_id,
            progress=lambda done, total: display.update("finetune", done, total, "steps"),
        )
    save_classifier(folder, classifier, config, end_id, release.tokenizer)
    return {**scores, "classifier": str(folder)}


def generate_text(release: Release, prompt: str, max_new_tokens: int, temperature: float, top_k: int, seed: int) -> str:
    """What the network writes after `prompt`."""
    from data.bpe import load_tokenizer
    from model.generate import generate
    from model.load import load_network

    end_id, _ = special_ids(release.tokenizer)
    ids = [end_id, *encoder(release.tokenizer)([prompt])[0]]
    grown = generate(load_network(release.network), ids, max_new_tokens, temperature, top_k, seed=seed, stop_id=end_id)
    return str(load_tokenizer(release.tokenizer).decode(grown, skip_special_tokens=True))


def export_release(release: Release, folder: Path) -> dict[str, Any]:
    """Write a Hugging Face folder, check it, put the certificate into it; the folder appears whole or not at all."""
    import shutil
    import uuid

    from model.convert_hf import export_hf
    from model.load import load_network
    from model.verify_hf import verify_hf
    from orchestration.files import commit_folder, write_json

    if folder.exists():
        raise ValueError(f"--to {folder}: exists already; choose another folder or remove it")
    end_id, pad_id = special_ids(release.tokenizer)
    network, prompts = load_network(release.network), encoder(release.tokenizer)(["The", "In the beginning", "1, 2, 3"])
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        export_hf(network.state_dict(), network.config, temporary, release.tokenizer, end_id, pad_id)
        figures = verify_hf(temporary, network, release.tokenizer, _sequences(prompts, end_id), prompts)
        write_json(temporary / "certificate.json", {"checks": figures})
        commit_folder(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return {**figures, "folder": str(folder)}


def _sequences(prompts: Sequence[Sequence[int]], end_id: int) -> list[Any]:
    import numpy as np

    return [np.array([end_id, *prompt]) for prompt in prompts]
