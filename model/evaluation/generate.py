"""Text from a network, one token at a time: greedy, or sampled with temperature, top-k and top-p.

Keys and values of the tokens read so far are kept, so each new token is computed alone. Once the text is longer than the
network can read, its window moves with every token, and so do all positions in it: from there on it is read again each time.
"""

import math

import torch

from model.evaluation.evaluate import evaluating
from model.evaluation.reportable import check_scores
from model.network.cache import new_cache
from model.network.network import Network


def generate(
    network: Network,
    prompt_ids: list[int],
    max_new_tokens: int,
    temperature: float = 0.0,
    top_k: int = 0,
    top_p: float = 1.0,
    seed: int = 0,
    stop_id: int | None = None,
) -> list[int]:
    """The new tokens after `prompt_ids`, without them and without `stop_id`, at which generation ends.

    `temperature` 0 is greedy; `top_k` 0 and `top_p` 1 keep every token. The same seed gives the same tokens, whatever else
    draws random numbers. Once the text is longer than the network's `max_sequence_length`, only its last tokens are seen.
    Raises ValueError for an empty prompt, a number out of bounds, and for a network that does not compute numbers.
    """
    if not prompt_ids:
        raise ValueError("the prompt has no tokens: begin it with the id of <|endoftext|>")
    if not 0 <= temperature < math.inf or top_k < 0 or not 0 < top_p <= 1:
        raise ValueError(
            f"temperature ({temperature}) and top_k ({top_k}) must be numbers >= 0, top_p ({top_p}) in (0, 1]"
        )
    if not -(2**63) <= seed < 2**64:
        raise ValueError(f"seed ({seed}) must lie between -2^63 and 2^64 - 1")
    limit, weight = network.config.max_sequence_length, network.embedding.weight
    cache = new_cache(network.config, batch=1, capacity=min(limit, len(prompt_ids) + max_new_tokens), like=weight)
    generator = torch.Generator().manual_seed(seed)  # on the CPU, so that a seed means the same on every device
    ids = list(prompt_ids)
    with evaluating(network):
        while len(ids) < len(prompt_ids) + max_new_tokens:
            if len(ids) <= limit:
                new = torch.tensor([ids[cache[0].length :]], device=weight.device)
                hidden = network.hidden(new, cache=cache)
            else:
                hidden = network.hidden(torch.tensor([ids[-limit:]], device=weight.device))
            logits = network.unembed(hidden[:, -1])[0].float().cpu()  # (vocab,)
            check_scores(logits.numpy(), lambda token: f"token {token} after {len(ids)} tokens of text")
            token = sample(logits, temperature, top_k, top_p, generator)
            if token == stop_id:
                break
            ids.append(token)
    return ids[len(prompt_ids) :]


def sample(logits: torch.Tensor, temperature: float, top_k: int, top_p: float, generator: torch.Generator) -> int:
    """One token id drawn from `logits` (vocab,), which are cut to the `top_k` likeliest and then to the nucleus.

    The nucleus (Holtzman et al. 2020) is the smallest set of likeliest tokens whose probabilities sum to at least `top_p`.
    """
    scaled = logits / temperature if temperature else logits
    if temperature == 0 or not scaled.isfinite().all():  # So cold, only the likeliest has a chance.
        return int(logits.argmax())
    ordered, ids = scaled.sort(descending=True, stable=True)
    if top_k:
        kept = min(top_k, len(ids))
        ordered, ids = ordered[:kept], ids[:kept]
    probabilities = ordered.softmax(0)
    before = (
        probabilities.cumsum(0) - probabilities
    )  # the mass of the likelier tokens; 0 for the first, which always stays
    probabilities = probabilities.masked_fill(before >= top_p, 0)
    return int(ids[torch.multinomial(probabilities, 1, generator=generator)])
