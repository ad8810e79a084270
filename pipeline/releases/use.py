"""What one does with a checkpoint that is there: score it, fine-tune it, let it write, export it."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from data.tokens.vocabulary import Encoder, Vocabulary, load_vocabulary
from orchestration.progress import Display
from pipeline.releases.find import Release


def encoder(vocabulary: Vocabulary) -> Callable[[Sequence[str]], list[list[int]]]:
    """A function from texts to token ids, special tokens in the text read as plain text."""
    reader = Encoder(vocabulary)
    return lambda texts: [ids.tolist() for ids in reader.encode(list(texts))]


def evaluate_release(release: Release, data: Path | None, task: Path | None, console: Console) -> dict[str, Any]:
    """Perplexity and bits per byte of the texts in `data`, accuracy on the items of `task`."""
    import numpy as np

    from model.evaluation.choices import read_items, score_items, summary
    from model.evaluation.evaluate import bits_per_byte, perplexity, score_documents
    from model.formats.load import load_network
    from pipeline.releases.find import device

    network, vocabulary = load_network(release.network, device=device()), load_vocabulary(release.tokenizer)
    encode = encoder(vocabulary)
    result: dict[str, Any] = {}
    if data is not None:
        texts = read_texts(data)
        ids = [np.array(each) for each in encode(texts)]
        with Display(console) as display:
            scores = score_documents(
                network,
                ids,
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
                lambda text: encode([text])[0],
                vocabulary.start_id,
                progress=lambda done, total: display.update("task", done, total, "windows"),
            )
        result["task"] = summary(answers)
    return result


def read_texts(path: Path) -> list[str]:
    """The texts of a file of any format that a recipe can name, normalised as `collect` does.

    Raises ValueError when the file is absent or holds something that cannot be read.
    """
    from data.collect.collect import collect_shard, plan_shards
    from data.collect.config import CollectConfig
    from data.sources.config import SourceConfig
    from data.tables import read_table

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
                texts += read_table(part, ["text"])["text"].to_pylist()
    if not texts:
        raise ValueError(f"{path}: there is no text in it")
    return texts


def finetune_release(
    release: Release, data: Path, settings: Sequence[str], folder: Path, console: Console
) -> dict[str, Any]:
    """Fine-tune over the seeds; the classifier of the first goes to `folder`."""
    import yaml
    from pydantic import ValidationError

    from model.finetuning.classifier_files import save_classifier
    from model.finetuning.classify import compare
    from model.finetuning.classify_config import ClassifyConfig
    from model.finetuning.examples import read_examples
    from model.formats.load import load_network
    from pipeline.releases.find import device

    try:
        values = {key: yaml.safe_load(value) for key, _, value in (setting.partition("=") for setting in settings)}
        config = ClassifyConfig.model_validate(values)
    except yaml.YAMLError as error:
        raise ValueError(f"{' '.join(settings)}: a value is not valid YAML; write KEY=VALUE") from error
    except ValidationError as error:
        first = error.errors()[0]
        known = ", ".join(ClassifyConfig.model_fields)
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}; the settings are {known}") from error
    if not data.is_file():
        raise ValueError(f"--data {data}: there is no such file")
    if folder.exists():
        raise ValueError(f"--out {folder}: exists already; choose another folder or remove it")
    examples = read_examples(data, config)
    if examples.other_splits:
        console.print(
            f"{examples.other_splits:,} records are marked neither train nor test, and left out", highlight=False
        )
    console.print(
        f"{len(examples.train):,} texts to learn from, {len(examples.test):,} held out, {2 * len(config.seeds)} fine-tunings"
    )
    vocabulary = load_vocabulary(release.tokenizer)
    with Display(console) as display:
        classifier, scores = compare(
            load_network(release.network, device=device()),
            examples,
            encoder(vocabulary),
            config,
            vocabulary.start_id,
            progress=lambda done, total: display.update("finetune", done, total, "steps"),
        )
    save_classifier(folder, classifier, config, vocabulary.start_id, release.tokenizer)
    return {**scores, "classifier": str(folder)}


def generate_text(release: Release, prompt: str, max_new_tokens: int, temperature: float, top_k: int, seed: int) -> str:
    """What the network writes after `prompt`."""
    from model.evaluation.generate import generate
    from model.formats.load import load_network
    from pipeline.releases.find import device

    vocabulary = load_vocabulary(release.tokenizer)
    ids = [vocabulary.start_id, *encoder(vocabulary)([prompt])[0]]
    grown = generate(
        load_network(release.network, device=device()),
        ids,
        max_new_tokens,
        temperature,
        top_k,
        seed=seed,
        stop_id=vocabulary.end_id,
    )
    return vocabulary.continued(ids, grown)


def export_release(release: Release, folder: Path) -> dict[str, Any]:
    """Write a Hugging Face folder, check it, put the certificate into it; the folder appears whole or not at all."""
    import shutil
    import uuid

    import numpy as np

    from model.formats.convert_hf import export_hf
    from model.formats.load import load_network
    from model.formats.verify_hf import verify_hf
    from orchestration.files import commit_folder, write_json
    from pipeline.releases.find import device, special_ids

    if folder.exists():
        raise ValueError(f"--to {folder}: exists already; choose another folder or remove it")
    network, vocabulary = load_network(release.network, device=device()), load_vocabulary(release.tokenizer)
    prompts = encoder(vocabulary)(["The", "In the beginning", "1, 2, 3"])
    sequences = [np.array([vocabulary.start_id, *prompt]) for prompt in prompts]
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        export_hf(network.state_dict(), network.config, temporary, release.tokenizer, **special_ids(vocabulary))
        figures = verify_hf(temporary, network, release.tokenizer, sequences, prompts)
        write_json(temporary / "certificate.json", {"checks": figures})
        commit_folder(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return {**figures, "folder": str(folder)}
