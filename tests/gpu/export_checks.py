"""Networks of the device as Hugging Face folders, which transformers must read as the same networks."""

from functools import partial
from typing import Any

import numpy as np
import torch

from model.formats.load import load_network
from model.network.config import ModelConfig
from model.network.init import initialize
from model.network.network import Network
from tests.gpu.case import Case, Check, Figures, Skipped, compare
from tests.gpu.network_checks import HEADS, NETWORKS
from tests.gpu.trainings import write_inputs

FAMILIES = ("gpt2", "llama", "gemma2")
LENGTH = 96  # tokens


def export(case: Case, figures: Figures, family: str) -> None:
    """A network on the device, exported, beside what transformers makes of the folder on the CPU in float32.

    Logits differ by less than the tolerance that every export is held to, greedy texts are the same. The folder that is read
    back onto the device gives the logits of the network it came from.
    """
    try:
        from model.formats.convert_hf import export_hf
        from model.formats.verify_hf import verify_hf
    except ImportError as error:
        raise Skipped(f"transformers cannot be imported: {error}") from None
    config = ModelConfig(max_sequence_length=LENGTH, **network_fields(family))
    network = spread_network(config).to(case.device)
    _, tokenizer = write_inputs(case.folder)
    folder = case.folder / f"export-{family}"
    export_hf({name: t.cpu() for name, t in network.state_dict().items()}, config, folder, tokenizer, end_id=0)
    sequences = [np.arange(LENGTH) * (7 + number) % 256 for number in range(4)]
    prompts = [[1, 2, 3], [200, 100]]
    figures["transformers"] = verify_hf(folder, network, tokenizer, sequences, prompts, max_new_tokens=16)
    tokens = torch.from_numpy(np.stack(sequences)).to(case.device)
    again = load_network(folder, device=str(case.device))
    with torch.inference_mode():
        compare(figures, "read back", again(tokens), network(tokens), 1e-6)


def network_fields(family: str) -> dict[str, Any]:
    """The fields of a network of that family, with the rows of the check's tokenizer."""
    tokens_only = {"vocab_size": 257, "attention_scale": 32**-0.5} if family == "gemma2" else {"vocab_size": 257}
    return HEADS | NETWORKS[family] | tokens_only


def spread_network(config: ModelConfig) -> Network:
    """A network with weights larger than first ones, so that no two logits are nearly the same."""
    network = Network(config)
    initialize(network, seed=0)
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.ndim == 2:
                parameter.mul_(5.0)
    return network.eval()


CHECKS = tuple(Check(family, 60, partial(export, family=family)) for family in FAMILIES)
