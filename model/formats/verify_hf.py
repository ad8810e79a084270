"""The proof that an exported folder is the trained network: the same logits, the same greedy text, the same token ids."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

from model.evaluation.evaluate import evaluating
from model.evaluation.generate import generate
from model.evaluation.reportable import check_scores
from model.network.network import Network

TOLERANCE = 1e-4  # largest difference of two float32 logits


def verify_hf(
    folder: Path,
    network: Network,
    tokenizer: Path,
    sequences: Sequence[np.ndarray],
    prompts: Sequence[Sequence[int]],
    max_new_tokens: int = 32,
) -> dict[str, Any]:
    """Load `folder` as a stranger would (transformers, no remote code, float32) and compare it with the float32 `network`.

    `sequences` are token ids of real text, cut to the context, for the logits; `prompts` are ids that both continue
    greedily by `max_new_tokens` tokens; the text of both is encoded by both tokenizers. Returns the figures for the
    certificate. Raises RuntimeError with figures when the logits differ by `TOLERANCE` or more, or a text or an encoding differs,
    ValueError when the network's logits are no numbers.
    """
    assert len(sequences) and len(prompts)
    limit = network.config.max_sequence_length
    theirs = load_theirs(folder)
    with evaluating(network):
        differences = [logit_difference(network, theirs, sequence[:limit]) for sequence in sequences]
    largest = float(np.max(differences))  # NaN if any is
    if not largest < TOLERANCE:
        raise RuntimeError(f"{folder}: logits differ from the trained network's by {largest:.3g}, limit {TOLERANCE:g}")
    texts = [compare_greedy(folder, network, theirs, list(prompt), max_new_tokens) for prompt in prompts]
    original = Tokenizer.from_file(str(tokenizer))
    loaded = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    ids = [np.asarray(s).tolist() for s in sequences] + texts
    characters = compare_encoding(folder, original, loaded, [original.decode(i) for i in ids])
    return {
        "dtype": "float32",
        "sequences": len(sequences),
        "tokens_compared": int(sum(min(len(sequence), limit) for sequence in sequences)),
        "largest_logit_difference": largest,
        "logit_tolerance": TOLERANCE,
        "greedy_prompts": len(prompts),
        "greedy_tokens": max_new_tokens,
        "greedy_equal": len(texts),
        "characters_encoded_equal": characters,
    }


def load_theirs(folder: Path) -> Any:
    """The float32 model that transformers makes of the folder, without its progress bar."""
    bars = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        return AutoModelForCausalLM.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True, dtype=torch.float32
        ).eval()
    finally:
        if bars:
            logging.enable_progress_bar()


def logit_difference(network: Network, theirs: Any, sequence: np.ndarray) -> float:
    """Largest absolute difference of the logits of one sequence of ids (seq,)."""
    device = next(network.parameters()).device
    tokens = torch.from_numpy(np.asarray(sequence, dtype=np.int64))[None]
    ours = network(tokens.to(device)).float().cpu()  # (1, seq, vocab)
    check_scores(ours.sum(-1)[0].numpy(), lambda place: f"token {place + 1} of {sequence[:8].tolist()}")
    return float((ours - theirs(tokens).logits).abs().max())


def compare_greedy(folder: Path, network: Network, theirs: Any, prompt: list[int], max_new_tokens: int) -> list[int]:
    """The greedy continuation, which must be the same from both; transformers uses its cache and does not end early."""
    if max_new_tokens == 0:  # A network that reads one token at a time goes on from nothing.
        return []
    room = network.config.max_sequence_length - max_new_tokens
    if room < 1:
        raise ValueError(f"max_new_tokens ({max_new_tokens}) must be smaller than max_sequence_length")
    prompt = prompt[-room:]
    ours = generate(network, prompt, max_new_tokens)
    tokens = torch.tensor([prompt])
    with torch.inference_mode():
        continued = theirs.generate(
            tokens,
            attention_mask=torch.ones_like(tokens),
            do_sample=False,
            max_new_tokens=max_new_tokens,
            min_new_tokens=None,
            eos_token_id=network.config.vocab_size,  # an id that never comes: both go on past <|endoftext|>
        )
    other = continued[0, len(prompt) :].tolist()
    if ours != other:
        place = next(i for i, pair in enumerate(zip(ours, other, strict=False)) if pair[0] != pair[1])
        raise RuntimeError(
            f"{folder}: greedy text differs from the trained network's at token {place + 1} after {prompt[-8:]}"
        )
    return ours


def compare_encoding(folder: Path, original: Tokenizer, loaded: Any, texts: list[str]) -> int:
    """Number of characters that both tokenizers turned into the same ids."""
    for text in texts:
        if original.encode(text, add_special_tokens=False).ids != loaded.encode(text, add_special_tokens=False):
            raise RuntimeError(f"{folder}: AutoTokenizer does not encode as {text[:80]!r} was encoded in training")
    return sum(map(len, texts))
