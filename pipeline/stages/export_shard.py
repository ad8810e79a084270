"""The one task of export. It stands apart from the stage because it needs torch and transformers, which a plan does not need."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from data.tokens.token_shards import TokenShard, list_token_shards
from orchestration.files import checksum, files_below, write_json
from pipeline.recipe.recipe import ExportConfig
from pipeline.releases.export_release import export_checked, sequences_of_texts
from pipeline.releases.find import Release
from pipeline.releases.open import open_release
from pipeline.stages.model_card import model_card

CHECKED_DOCUMENTS = 4  # real sequences whose logits are compared


def export_shard(
    out: Path,
    checkpoint: Path,
    tokenizer: Path,
    tokens: Path | None,
    config: ExportConfig,
    manifests: Mapping[str, Any],
    scores: Mapping[str, Any],
    chain: Mapping[str, str],
) -> dict[str, Any]:
    """Write `hf/`, check it, and add certificate and model card; gives the counts. Raises RuntimeError when the check fails."""
    folder = out / "hf"
    network, vocabulary = open_release(Release(checkpoint, tokenizer))
    length = network.config.max_sequence_length
    # A run that begins with a network has no tokens of its own.
    sequences = real_sequences(tokens, length) if tokens else sequences_of_texts(vocabulary)
    figures = export_checked(network, vocabulary, tokenizer, folder, sequences)
    certificate = {
        "model": config.model_name,
        "checks": figures,
        "files": {path.as_posix(): checksum(folder / path) for path in files_below(folder)},
        "made_from": {
            name: {key: manifest[key] for key in ("fingerprint", "config", "inputs", "versions")}
            for name, manifest in manifests.items()
        },
        "chain": dict(chain),
    }
    write_json(folder / "certificate.json", certificate)
    card = model_card(config, network.config, manifests, scores, figures)
    (folder / "README.md").write_text(card, encoding="utf-8")
    return {"parameters": sum(p.numel() for p in network.parameters()), **figures}


def real_sequences(tokens: Path, length: int) -> list[np.ndarray]:
    """The beginnings of up to CHECKED_DOCUMENTS documents, each (at most `length`,) int64; those of the test split come first."""
    entries = sorted(
        list_token_shards(tokens), key=lambda entry: (entry.split != "test", entry.split, str(entry.prefix))
    )
    sequences: list[np.ndarray] = []
    for entry in entries:
        shard = TokenShard.open(entry.prefix)
        sequences += [shard.document(n)[:length] for n in range(min(len(shard.lengths), CHECKED_DOCUMENTS))]
        if len(sequences) >= CHECKED_DOCUMENTS:
            break
    return [sequence.astype(np.int64) for sequence in sequences[:CHECKED_DOCUMENTS]]
