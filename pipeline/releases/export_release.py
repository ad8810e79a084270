"""The command `export`, and the core of the stage of that name: writing a Hugging Face folder and checking it."""

import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.tokens.vocabulary import Encoder, load_vocabulary
from model.formats.convert_hf import export_hf
from model.formats.load import best_device, load_network
from model.formats.verify_hf import verify_hf
from model.network.network import Network
from orchestration.files import commit_folder, write_json
from pipeline.releases.find import Release

PROMPTS = ("The", "In the beginning", "1, 2, 3")  # the texts of the check, since a release comes without its data
GREEDY_TOKENS = 32  # that network and export both write after each prompt, fewer where the context is short


def export_release(release: Release, folder: Path) -> dict[str, Any]:
    """Write a Hugging Face folder with a certificate, and check it; gives the figures of the check and the folder.

    The folder appears whole or not at all.

    Raises ValueError when the folder exists, RuntimeError when the check fails.
    """
    if folder.exists():
        raise ValueError(f"--to {folder}: exists already; choose another folder or remove it")
    network, vocabulary = load_network(release.network, device=best_device()), load_vocabulary(release.tokenizer)
    prompts = Encoder(vocabulary).encode_to_lists(PROMPTS)
    sequences = [np.array([vocabulary.start_id, *prompt]) for prompt in prompts]
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{uuid.uuid4().hex}")
    try:
        figures = export_checked(network, release.tokenizer, temporary, sequences, prompts)
        write_json(temporary / "certificate.json", {"checks": figures})
        commit_folder(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return {**figures, "folder": str(folder)}


def export_checked(
    network: Network,
    tokenizer: Path,
    folder: Path,
    sequences: Sequence[np.ndarray],
    prompts: Sequence[Sequence[int]],
) -> dict[str, Any]:
    """Write a network as a Hugging Face folder, and compare the logits on `sequences` and the greedy text after `prompts`.

    Both are token ids, each sequence (tokens,). Gives the figures for the certificate. Raises RuntimeError when the two differ.
    """
    vocabulary = load_vocabulary(tokenizer)
    export_hf(
        network.state_dict(),
        network.config,
        folder,
        tokenizer,
        vocabulary.end_id,
        vocabulary.pad_id,
        vocabulary.start_id,
    )
    new_tokens = min(GREEDY_TOKENS, network.config.max_sequence_length // 2)
    return verify_hf(folder, network, tokenizer, sequences, prompts, new_tokens)
