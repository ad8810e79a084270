import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from model.config import ModelConfig, parameters
from model.init import initialize
from model.loss import NextTokenLoss
from model.network import Network

GPT2 = {
    "positions": "learned",
    "norm": "layernorm",
    "feed_forward": "gelu",
    "bias": True,
    "tied_embeddings": True,
}
VARIANTS = {
    "llama": {},
    "grouped": {"n_kv_heads": 2},
    "multi-query, tied": {"n_kv_heads": 1, "tied_embeddings": True},
    "gpt2": GPT2,
    "gpt2 untied, no bias": {**GPT2, "bias": False, "tied_embeddings": False},
    "mixed": {"positions": "rope", "norm": "layernorm", "feed_forward": "gelu", "d_ff": 50, "bias": True},
}


def build(seed: int = 0, **fields: object) -> Network:
    config = ModelConfig(vocab_size=97, d_model=48, n_layers=3, n_heads=4, max_sequence_length=24, **fields)
    network = Network(config).eval()
    initialize(network, seed)
    with torch.no_grad():  # gains and biases too, or errors in them would not be seen
        generator = torch.Generator().manual_seed(seed)
        for parameter in network.parameters():
            parameter.add_(torch.empty_like(parameter).normal_(0, 0.1, generator=generator))
    return network


def some_tokens(length: int = 24) -> torch.Tensor:
    return torch.randint(0, 97, (2, length), generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("fields", VARIANTS.values(), ids=VARIANTS)
def test_parameter_count_and_shapes(fields: dict) -> None:
    network = build(**fields)
    assert sum(p.numel() for p in network.parameters()) == parameters(network.config)
    assert network(some_tokens()).shape == (2, 24, 97)
    assert network.hidden(some_tokens(7)).shape == (2, 7, 48)


@pytest.mark.parametrize("fields", VARIANTS.values(), ids=VARIANTS)
def test_no_token_sees_a_later_one(fields: dict) -> None:
    network, tokens = build(**fields), some_tokens()
    changed = tokens.clone()
    changed[:, 10:] = (changed[:, 10:] + 1) % 97
    before, after = network(tokens), network(changed)
    torch.testing.assert_close(before[:, :10], after[:, :10])
    assert (before[:, 10:] - after[:, 10:]).abs().amax(dim=(0, 2)).min() > 1e-3
    torch.testing.assert_close(network(tokens[:, :10]), before[:, :10], rtol=1e-4, atol=1e-5)


def test_names_are_those_of_the_checkpoint_format() -> None:
    llama = [
        name for name, _ in build(n_kv_heads=2).named_parameters() if not name.startswith(("blocks.1", "blocks.2"))
    ]
    assert llama == [
        "embedding.weight",
        "blocks.0.attention_norm.weight",
        *(f"blocks.0.attention.{part}.weight" for part in ("query", "key", "value", "output")),
        "blocks.0.feed_forward_norm.weight",
        *(f"blocks.0.feed_forward.{part}.weight" for part in ("up", "gate", "down")),
        "final_norm.weight",
        "unembedding.weight",
    ]
    gpt2 = build(**GPT2).state_dict()
    assert "positions.weight" in gpt2 and "unembedding.weight" not in gpt2 and "blocks.0.attention.query.bias" in gpt2


HUGGING_FACE_LLAMA = {
    "embedding": "model.embed_tokens",
    "blocks": "model.layers",
    "attention_norm": "input_layernorm",
    "attention.query": "self_attn.q_proj",
    "attention.key": "self_attn.k_proj",
    "attention.value": "self_attn.v_proj",
    "attention.output": "self_attn.o_proj",
    "feed_forward_norm": "post_attention_layernorm",
    "feed_forward.": "mlp.",
    "final_norm": "model.norm",
    "unembedding": "lm_head",
}


def renamed(name: str) -> str:
    for ours, theirs in HUGGING_FACE_LLAMA.items():
        if not (ours == "embedding" and name.startswith("unembedding")):
            name = name.replace(ours, theirs)
    for part in ("up", "gate", "down"):
        name = name.replace(f"mlp.{part}.", f"mlp.{part}_proj.")
    return name


@pytest.mark.parametrize(("kv_heads", "tied"), [(4, False), (2, True), (1, False)])
def test_equals_transformers_llama(kv_heads: int, tied: bool) -> None:
    """Logits and gradients in float32, by renaming alone."""
    from transformers import LlamaConfig, LlamaForCausalLM

    network = build(n_kv_heads=kv_heads, tied_embeddings=tied, rope_theta=500.0, norm_eps=1e-6)
    reference = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=97,
            hidden_size=48,
            intermediate_size=network.config.feed_forward_dim,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=kv_heads,
            max_position_embeddings=24,
            rms_norm_eps=1e-6,
            rope_parameters={"rope_type": "default", "rope_theta": 500.0},
            tie_word_embeddings=tied,
        )
    ).eval()
    weights = {renamed(name): p for name, p in network.state_dict().items()}
    missing, unexpected = reference.load_state_dict(weights, strict=False)
    assert not unexpected and missing == (["lm_head.weight"] if tied else [])
    assert_equal_to(network, reference, renamed)


def test_equals_transformers_gpt2() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    network = build(**GPT2)
    reference = GPT2LMHeadModel(
        GPT2Config(vocab_size=97, n_positions=24, n_embd=48, n_layer=3, n_head=4, layer_norm_epsilon=1e-5)
    ).eval()
    ours = dict(network.state_dict())
    weights = {
        "transformer.wte.weight": ours["embedding.weight"],
        "transformer.wpe.weight": ours["positions.weight"],
        "transformer.ln_f.weight": ours["final_norm.weight"],
        "transformer.ln_f.bias": ours["final_norm.bias"],
    }
    for layer in range(3):
        theirs, block = f"transformer.h.{layer}", f"blocks.{layer}"
        for kind in ("weight", "bias"):
            heads = [ours[f"{block}.attention.{part}.{kind}"] for part in ("query", "key", "value")]
            weights[f"{theirs}.ln_1.{kind}"] = ours[f"{block}.attention_norm.{kind}"]
            weights[f"{theirs}.ln_2.{kind}"] = ours[f"{block}.feed_forward_norm.{kind}"]
            weights[f"{theirs}.attn.c_attn.{kind}"] = transposed(torch.cat(heads))
            weights[f"{theirs}.attn.c_proj.{kind}"] = transposed(ours[f"{block}.attention.output.{kind}"])
            weights[f"{theirs}.mlp.c_fc.{kind}"] = transposed(ours[f"{block}.feed_forward.up.{kind}"])
            weights[f"{theirs}.mlp.c_proj.{kind}"] = transposed(ours[f"{block}.feed_forward.down.{kind}"])
    missing, unexpected = reference.load_state_dict(weights, strict=False)
    assert not unexpected and missing == ["lm_head.weight"]
    assert_equal_to(network, reference, {"embedding.weight": "transformer.wte.weight"}.get)


def transposed(x: torch.Tensor) -> torch.Tensor:
    """GPT-2 stores matrices as inputs by outputs."""
    return x.mT if x.ndim == 2 else x


def assert_equal_to(network: Network, reference: nn.Module, name_there: Callable[[str], str | None]) -> None:
    tokens = some_tokens()
    ours, theirs = network(tokens), reference(tokens).logits
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    for logits in (ours, theirs):
        nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).backward()
    gradients = {name: p.grad for name, p in reference.named_parameters()}
    for name, parameter in network.named_parameters():
        if name_there(name) in gradients:
            torch.testing.assert_close(parameter.grad, gradients[name_there(name)], rtol=1e-5, atol=1e-5)


def test_initial_values() -> None:
    network = Network(ModelConfig(vocab_size=2000, d_model=128, n_layers=8, n_heads=4, max_sequence_length=512, **GPT2))
    initialize(network, seed=0)
    for name, parameter in network.named_parameters():
        if name.endswith("bias"):
            assert not parameter.any()
        elif "norm" in name:
            assert (parameter == 1).all()
        else:
            expected = 0.02 / math.sqrt(16) if name.endswith(("output.weight", "down.weight")) else 0.02
            assert parameter.std().item() == pytest.approx(expected, rel=0.03)
    # An untrained network predicts nearly uniformly.
    loss = NextTokenLoss(network)(torch.randint(0, 2000, (2, 65), generator=torch.Generator().manual_seed(0)))
    assert loss.item() == pytest.approx(math.log(2000), abs=0.1)


def test_initial_values_depend_on_the_seed_alone() -> None:
    first, second, other = build(seed=3), build(seed=3), build(seed=4)
    torch.manual_seed(99)
    third = build(seed=3)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]) and torch.equal(value, third.state_dict()[name])
    assert not torch.equal(first.embedding.weight, other.embedding.weight)


def test_loss_in_chunks_is_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    network, tokens = build(**GPT2), some_tokens()
    loss = NextTokenLoss(network)
    whole = loss(tokens)
    logits = network(tokens[:, :-1])
    reference = nn.functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())
    torch.testing.assert_close(whole, reference)
    whole.backward()
    gradients = {name: p.grad.clone() for name, p in network.named_parameters()}
    network.zero_grad()
    monkeypatch.setattr("model.loss.MAX_LOGITS", 97 * 10)
    in_chunks = loss(tokens)
    in_chunks.backward()
    torch.testing.assert_close(in_chunks, whole)
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(parameter.grad, gradients[name])
    torch.testing.assert_close(loss(tokens, reduction="none").mean(), whole)


def test_dropout_acts_in_training_only() -> None:
    network, tokens = build(dropout=0.5), some_tokens()
    assert torch.equal(network(tokens), network(tokens))
    network.train()
    assert not torch.equal(network(tokens), network(tokens))


def test_too_long_an_input_is_refused() -> None:
    with pytest.raises(AssertionError, match="reads at most 24"):
        build()(torch.zeros((1, 25), dtype=torch.int64))
