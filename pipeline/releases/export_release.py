"""The command `export`, and the core of the stage of that name: writing a Hugging Face folder and checking it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from data.tokens.vocabulary import Encoder, Vocabulary
from model.formats.convert_hf import export_hf
from model.formats.verify_hf import verify_hf
from model.network.network import Network
from orchestration.files import write_json
from pipeline.failures import CheckFailed
from pipeline.releases.find import Release
from pipeline.releases.new_folder import new_folder
from pipeline.releases.open import open_release

TEXTS = ("The", "In the beginning", "1, 2, 3")  # the texts of the check, since a release comes without its data
PROMPT_TOKENS = 8  # at the beginning of each text of the check, from which network and export both go on
GREEDY_TOKENS = 32  # that both write after each prompt, fewer where the context is short


def export_release(release: Release, folder: Path) -> dict[str, Any]:
    """Write a Hugging Face folder with a certificate, and check it; gives the figures of the check and the folder.

    The folder appears whole or not at all.

    Raises ValueError when the folder exists, CheckFailed when the check fails.
    """
    network, vocabulary = open_release(release)
    sequences = sequences_of_texts(vocabulary)
    with new_folder(folder, "--to") as out:
        try:
            figures = export_checked(network, vocabulary, release.tokenizer, out, sequences)
        except RuntimeError as error:
            raise CheckFailed(str(error).replace(str(out), str(folder))) from error
        write_json(out / "certificate.json", {"checks": figures})
    return {**figures, "folder": str(folder)}


def sequences_of_texts(vocabulary: Vocabulary) -> list[np.ndarray]:
    """The token ids of the texts of the check, each (tokens,), with what a text begins with."""
    return [np.array([vocabulary.start_id, *ids]) for ids in Encoder(vocabulary).encode_to_lists(TEXTS)]


def export_checked(
    network: Network,
    vocabulary: Vocabulary,
    tokenizer: Path,
    folder: Path,
    sequences: Sequence[np.ndarray],
) -> dict[str, Any]:
    """Write a network as a Hugging Face folder, and compare the logits on `sequences` and the greedy text after their beginnings.

    Each sequence, (tokens,), has the ids of a text and what it begins with. Gives the figures for the certificate. Raises
    RuntimeError when the two differ.
    """
    export_hf(
        network.state_dict(),
        network.config,
        folder,
        tokenizer,
        vocabulary.end_id,
        vocabulary.pad_id,
        vocabulary.start_id,
    )
    half = network.config.max_sequence_length // 2
    prompts = [sequence[: max(1, min(PROMPT_TOKENS, half))].tolist() for sequence in sequences]
    new_tokens = min(GREEDY_TOKENS, half)
    return verify_hf(folder, network, tokenizer, sequences, prompts, new_tokens)
