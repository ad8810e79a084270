import pytest
import torch

from model.evaluation.generate import generate, sample
from model.network.config import ModelConfig
from model.network.init import initialize
from model.network.network import Network
from tests.model.networks import VARIANTS, build, some_tokens


@pytest.fixture(scope="module")
def network() -> Network:
    config = ModelConfig(vocab_size=41, max_sequence_length=12, d_model=16, n_layers=2, n_heads=2, d_ff=24, dropout=0.3)
    network = Network(config)
    initialize(network, 0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(8)
    return network


def test_greedy_is_the_likeliest_token_over_the_cropped_context(network: Network) -> None:
    new = generate(network, [3, 5], 30)
    network.eval()
    ids = [3, 5]
    for token in new:
        with torch.no_grad():
            assert token == int(network(torch.tensor([ids[-12:]]))[0, -1].argmax())
        ids.append(token)
    assert len(new) == 30
    network.train()


def read_again_for_each(network: Network, prompt: list[int], count: int, temperature: float) -> list[int]:
    """The same without a cache."""
    ids, generator = list(prompt), torch.Generator().manual_seed(0)
    limit = network.config.max_sequence_length
    for _ in range(count):
        with torch.no_grad():
            logits = network(torch.tensor([ids[-limit:]]))[0, -1]
        ids.append(sample(logits, temperature, 0, 1.0, generator))
    return ids[len(prompt) :]


@pytest.mark.parametrize("fields", VARIANTS.values(), ids=VARIANTS)
def test_the_cache_changes_no_token(fields: dict) -> None:
    """Nor does the end of the window, which 20 tokens after 9 pass; each token before it is computed alone."""
    network = build(**fields)
    read: list[int] = []
    hook = network.embedding.register_forward_hook(lambda module, arguments, out: read.append(arguments[0].shape[1]))
    prompt = some_tokens(9)[0].tolist()
    for temperature in (0.0, 2.0):
        read.clear()
        new = generate(network, prompt, 20, temperature=temperature)
        assert read == [9] + [1] * 15 + [24] * 4
        assert new == read_again_for_each(network, prompt, 20, temperature)
    assert len(set(new)) > 3
    hook.remove()
    long = some_tokens(24)[0].tolist() * 2
    assert generate(network, long, 5) == generate(network, long[-24:], 5)


def test_sampling_depends_on_its_seed_alone(network: Network) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = generate(network, [3], 20, temperature=1.0, seed=4)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert generate(network, [3], 20, temperature=1.0, seed=4) == one
    assert generate(network, [3], 20, temperature=1.0, seed=5) != one


def test_ends_before_the_stop_token(network: Network) -> None:
    whole = generate(network, [3, 5], 30)
    stop = whole[7]
    assert generate(network, [3, 5], 30, stop_id=stop) == whole[: whole.index(stop)]
    assert generate(network, [3, 5], 0) == []


def draws(logits: torch.Tensor, n: int = 4000, **settings: float) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    arguments = {"temperature": 1.0, "top_k": 0, "top_p": 1.0} | settings
    tokens = [sample(logits, generator=generator, **arguments) for _ in range(n)]  # type: ignore[arg-type]
    return torch.bincount(torch.tensor(tokens), minlength=len(logits)) / n


def test_sampling_follows_the_distribution() -> None:
    probabilities = torch.tensor([0.1, 0.5, 0.3, 0.1])
    torch.testing.assert_close(draws(probabilities.log()), probabilities, atol=0.03, rtol=0)
    sharper = (probabilities.log() / 0.5).softmax(0)
    torch.testing.assert_close(draws(probabilities.log(), temperature=0.5), sharper, atol=0.03, rtol=0)


def test_top_k_and_top_p_cut_the_tail() -> None:
    logits = torch.tensor([0.1, 0.5, 0.3, 0.1]).log()
    torch.testing.assert_close(draws(logits, top_k=2), torch.tensor([0, 0.625, 0.375, 0]), atol=0.03, rtol=0)
    torch.testing.assert_close(draws(logits, top_p=0.7), torch.tensor([0, 0.625, 0.375, 0]), atol=0.03, rtol=0)
    assert draws(logits, n=50, top_p=0.4)[1] == 1  # the smallest set that reaches it: one token
    assert draws(logits, n=50, top_k=1)[1] == 1


@pytest.mark.parametrize("settings", [{"temperature": -1.0}, {"top_k": -1}, {"top_p": 0.0}, {"top_p": 1.1}])
def test_numbers_out_of_bounds_are_refused(network: Network, settings: dict) -> None:
    with pytest.raises(ValueError, match=r"temperature .* top_k .* top_p"):
        generate(network, [1], 1, **settings)


def test_an_empty_prompt_is_refused(network: Network) -> None:
    with pytest.raises(ValueError, match="no tokens"):
        generate(network, [], 1)
