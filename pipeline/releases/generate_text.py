"""The command `generate`, and the sample texts of an evaluation: what a network writes after a prompt."""

from data.tokens.vocabulary import Encoder, Vocabulary, load_vocabulary
from model.evaluation.generate import generate
from model.formats.load import best_device, load_network
from model.network.network import Network
from pipeline.releases.find import Release


def generate_text(release: Release, prompt: str, max_new_tokens: int, temperature: float, top_k: int, seed: int) -> str:
    """What the network of a release writes after `prompt`; the same seed gives the same text."""
    network, vocabulary = load_network(release.network, device=best_device()), load_vocabulary(release.tokenizer)
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
    """At most `max_new_tokens` tokens as text, without the prompt; `temperature` 0 is greedy, `top_k` 0 keeps every token."""
    ids = [vocabulary.start_id, *Encoder(vocabulary).encode_to_lists([prompt])[0]]
    new = generate(network, ids, max_new_tokens, temperature, top_k, seed=seed, stop_id=vocabulary.end_id)
    return vocabulary.continued(ids, new)
