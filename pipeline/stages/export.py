"""Export: a Hugging Face folder, checked against the trained network, with a certificate and a model card."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from data.tokens.vocabulary import load_vocabulary
from orchestration.files import checksum, files_below, read_json, write_json
from orchestration.identity import digest
from orchestration.shards import Shard
from pipeline.recipe.recipe import ExportConfig
from pipeline.releases.find import newest_checkpoint, special_ids
from pipeline.stages.model_card import model_card
from pipeline.stages.stage import Context, Made, Stage

INPUTS = ("collect", "clean", "dedup", "vocab", "tokenize", "pretrain", "evaluate", "finetune")
CHECKED_DOCUMENTS = 4  # real sequences whose logits are compared
GREEDY_TOKENS = 32  # of text that both write, less where the context is shorter
PROMPT_TOKENS = 8  # of the beginning of each, from which both go on greedily


def _run(context: Context, inputs: Mapping[str, Path], config: ExportConfig, out: Path) -> Made:
    facts = {name: read_json(path / "manifest.json") for name, path in inputs.items()}
    scores = {name: read_json(inputs[name] / "scores.json") for name in ("evaluate", "finetune") if name in inputs}
    work = {
        "checkpoint": newest_checkpoint(inputs["pretrain"]),
        "tokenizer": inputs["vocab"] / "tokenizer" / "tokenizer.json",
        "tokens": inputs["tokenize"],
        "config": config,
        "manifests": facts,
        "scores": scores,
    }
    result = context.map(export_shard, [Shard("checked", work)], out, "")[0]
    if (out / "checked" / "hf").is_dir():
        (out / "checked" / "hf").rename(out / "hf")  # what is released, without the records of how it was made
    return Made({"format": "huggingface", **result}, _content(out))


def _content(artifact: Path) -> str:
    """Of the files of the release that the certificate names."""
    return digest(read_json(artifact / "hf" / "certificate.json")["files"])


def export_shard(
    out: Path,
    checkpoint: Path,
    tokenizer: Path,
    tokens: Path,
    config: ExportConfig,
    manifests: Mapping[str, Any],
    scores: Mapping[str, Any],
) -> dict[str, Any]:
    """Write `hf/`, check it, then add certificate and model card; raises RuntimeError when the check fails."""
    out = out / "hf"
    from model.formats.convert_hf import export_hf
    from model.formats.load import load_network
    from model.formats.verify_hf import verify_hf

    network, vocabulary = load_network(checkpoint), load_vocabulary(tokenizer)
    export_hf(network.state_dict(), network.config, out, tokenizer, **special_ids(vocabulary))
    length = network.config.max_sequence_length
    sequences = _real_sequences(tokens, length)
    prompts = [sequence[: min(PROMPT_TOKENS, length // 2)].tolist() for sequence in sequences]
    figures = verify_hf(out, network, tokenizer, sequences, prompts, min(GREEDY_TOKENS, length // 2))
    certificate = {
        "model": config.model_name,
        "checks": figures,
        "files": {path.as_posix(): checksum(out / path) for path in files_below(out)},
        "made_from": {
            name: {key: manifest[key] for key in ("fingerprint", "config", "inputs", "versions")}
            for name, manifest in manifests.items()
        },
    }
    write_json(out / "certificate.json", certificate)
    (out / "README.md").write_text(model_card(config, network.config, manifests, scores, figures), encoding="utf-8")
    return {"parameters": sum(p.numel() for p in network.parameters()), **figures}


def _real_sequences(tokens: Path, length: int) -> list[Any]:
    """Beginnings of test documents, or of training documents when there are no others."""
    from data.tokens.token_shards import TokenShard
    from data.tokens.tokenize import list_token_shards

    entries = sorted(
        list_token_shards(tokens), key=lambda entry: (entry.split != "test", entry.split, str(entry.prefix))
    )
    sequences = []
    for entry in entries:
        shard = TokenShard.open(entry.prefix)
        sequences += [shard.document(n)[:length] for n in range(min(len(shard.lengths), CHECKED_DOCUMENTS))]
        if len(sequences) >= CHECKED_DOCUMENTS:
            break
    return [sequence.astype("int64") for sequence in sequences[:CHECKED_DOCUMENTS]]


STAGE = Stage(
    name="export",
    version=2,
    inputs=INPUTS,
    libraries=("jinja2", "safetensors", "torch", "transformers"),
    run=_run,
    content=_content,
    verifies=INPUTS,
)
