"""Opening a release: its network and its vocabulary, checked against each other before anything is computed."""

from data.tokens.vocabulary import Vocabulary, load_vocabulary
from model.formats.load import best_device, check_tokenizer, load_network
from model.network.network import Network
from pipeline.releases.find import Release


def open_release(release: Release) -> tuple[Network, Vocabulary]:
    """The network of a release, on a GPU where there is one, and its vocabulary.

    Raises ValueError as `load_network` and `load_vocabulary` do, and when the tokenizer has more tokens than the network rows.
    """
    vocabulary = load_vocabulary(release.tokenizer)
    network = load_network(release.network, device=best_device())
    check_tokenizer(network, vocabulary.size - 1, release.network)
    return network, vocabulary
