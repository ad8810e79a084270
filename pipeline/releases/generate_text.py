"""The command `generate`, and the sample texts of an evaluation: letting a network go on from a prompt."""

from data.tokens.vocabulary import Encoder, Vocabulary
from model.evaluation.generate import generate
from model.network.network import Network
from pipeline.releases.find import Release
from pipeline.releases.open import open_release


def is_unicode(text: str) -> bool:
    """Whether a text has only characters; Python keeps bytes of an argument that are none as halves of surrogate pairs."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def generate_text(release: Release, prompt: str, max_new_tokens: int, temperature: float, top_k: int, seed: int) -> str:
    """The text that the network of a release writes after `prompt`, as `continue_prompt` gives it.

    Raises ValueError when the release cannot be opened, and for a prompt that is not UTF-8 or a number out of bounds.
    """
    if not is_unicode(prompt):
        raise ValueError(f"--prompt {prompt!r}: is not UTF-8 text")
    network, vocabulary = open_release(release)
    return continue_prompt(network, vocabulary, prompt, max_new_tokens, temperature, top_k, seed)


def continue_prompt(
    network: Network,
    vocabulary: Vocabulary,
    prompt: str,
    max_new_tokens: int,
    temperature: float,
    top_k: int,
    seed: int,
) -> str:
    """The text that a network writes after `prompt`, of at most `max_new_tokens` tokens; the prompt is not part of it.

    `temperature` 0 takes the likeliest token each time, `top_k` 0 chooses among all tokens; the same seed gives the same text.
    """
    ids = [vocabulary.start_id, *Encoder(vocabulary).encode_to_lists([prompt])[0]]
    new = generate(network, ids, max_new_tokens, temperature, top_k, seed=seed, stop_id=vocabulary.end_id)
    return vocabulary.continued(ids, new)
