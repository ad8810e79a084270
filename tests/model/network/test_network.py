import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from model.network.cache import new_cache
from model.network.config import parameters
from model.network.feed_forward import squared_relu
from model.network.network import Network
from model.network.positions import sinusoids
from model.training.loss import NextTokenLoss
from tests.model.networks import GPT2, VARIANTS, build, some_tokens


@pytest.mark.parametrize("fields", VARIANTS.values(), ids=VARIANTS)
def test_parameter_count_and_shapes(fields: dict) -> None:
    network = build(**fields)
    assert sum(p.numel() for p in network.parameters()) == parameters(network.config)
    assert network(some_tokens()).shape == (2, 24, 97)
    assert network.hidden(some_tokens(7)).shape == (2, 7, 48)
    network(some_tokens()).square().sum().backward()
    unused = [name for name, parameter in network.named_parameters() if not parameter.grad.any()]
    # A bias of all keys moves all scores of a query alike, which the softmax does not see.
    assert all(name.endswith(("key.bias", "key_norm.bias")) for name in unused)


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


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_add_and_norm_equals_torch(activation: str) -> None:
    """The original transformer's layer, as `nn.TransformerEncoderLayer` with a causal mask has it."""
    network = build(**{**VARIANTS["original"], "feed_forward": activation, "n_layers": 1})
    tanh = lambda x: nn.functional.gelu(x, approximate="tanh")  # noqa: E731
    reference = nn.TransformerEncoderLayer(
        48, 4, 192, dropout=0.0, activation="relu" if activation == "relu" else tanh, batch_first=True, norm_first=False
    )
    ours = network.blocks[0].state_dict()
    weights = {
        "self_attn.in_proj_" + kind: torch.cat([ours[f"attention.{part}.{kind}"] for part in QKV]) for kind in KINDS
    }
    for theirs, name in TORCH_LAYER.items():
        weights |= {f"{theirs}.{kind}": ours[f"{name}.{kind}"] for kind in KINDS}
    reference.load_state_dict(weights)
    tokens = some_tokens()
    x = network.embedding(tokens) * math.sqrt(48) + sinusoids(torch.arange(24), 48)
    expected = reference(x, src_mask=nn.Transformer.generate_square_subsequent_mask(24), is_causal=True)
    torch.testing.assert_close(network.hidden(tokens), expected, rtol=1e-5, atol=1e-5)


QKV, KINDS = ("query", "key", "value"), ("weight", "bias")
TORCH_LAYER = {
    "self_attn.out_proj": "attention.output",
    "linear1": "feed_forward.up",
    "linear2": "feed_forward.down",
    "norm1": "attention_norm",
    "norm2": "feed_forward_norm",
}


def test_squared_relu_by_hand() -> None:
    assert squared_relu(torch.tensor([-3.0, 0.0, 0.5, 3.0])).tolist() == [0, 0, 0.25, 9]


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


@pytest.mark.parametrize("place", ["dropout", "embedding_dropout", "attention_dropout", "residual_dropout"])
@pytest.mark.parametrize("softcap", [None, 2.0])
def test_dropout_acts_in_training_only(place: str, softcap: float | None) -> None:
    network, tokens = build(attention_softcap=softcap, **{place: 0.5}), some_tokens()
    assert torch.equal(network(tokens), network(tokens))
    network.train()
    assert not torch.equal(network(tokens), network(tokens))
    spared = build(attention_softcap=softcap, dropout=0.5, embedding_dropout=0, attention_dropout=0, residual_dropout=0)
    assert torch.equal(spared.train()(tokens), spared.eval()(tokens))


PACKED = torch.tensor([[0] * 9 + [1] + [2] * 14, [5] * 5 + [3] * 19])


@pytest.mark.parametrize("fields", VARIANTS.values(), ids=VARIANTS)
def test_packed_texts_are_read_as_if_each_stood_alone(fields: dict) -> None:
    network, tokens = build(**fields), some_tokens()
    packed = network.hidden(tokens, PACKED)
    for row in range(2):
        for document in PACKED[row].unique():
            inside = PACKED[row] == document
            alone = network.hidden(tokens[row, inside][None])
            torch.testing.assert_close(packed[row, inside], alone[0], rtol=1e-5, atol=1e-5)
    assert (packed - network.hidden(tokens)).abs().max() > 1e-2


@pytest.mark.parametrize("fields", VARIANTS.values(), ids=VARIANTS)
def test_texts_read_piece_by_piece_with_a_cache_give_the_same(fields: dict) -> None:
    network, tokens = build(**fields), some_tokens()
    cache = new_cache(network.config, 2, 24, network.embedding.weight)
    pieces = [network.hidden(piece, cache=cache) for piece in tokens.split([7, 1, 1, 6, 1, 8], dim=1)]
    torch.testing.assert_close(torch.cat(pieces, dim=1), network.hidden(tokens), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["gpt2", "mistral", "gemma2"])
@pytest.mark.parametrize("every", [1, 2])
def test_activation_checkpointing_changes_no_gradient(name: str, every: int) -> None:
    network, tokens = build(**VARIANTS[name], dropout=0.2).train(), some_tokens()
    gradients, calls = [], []
    for block in network.blocks:
        block.feed_forward.register_forward_hook(lambda *_: calls.append(0))
    for network.checkpoint_every in (0, every):
        network.zero_grad()
        calls.clear()
        torch.manual_seed(0)
        network(tokens).square().mean().backward()
        gradients.append([p.grad.clone() for p in network.parameters()])
    assert len(calls) == {1: 3 + 3, 2: 3 + 2}[every]  # blocks 0 and 2, or all three, are computed again
    assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))


@pytest.mark.parametrize("name", ["llama", "original", "alibi, window, soft cap", "gemma2", "qwen3"])
def test_compiles_without_graph_breaks(name: str) -> None:
    """Forward and backward of the loss, whole and packed, also with activation checkpointing."""
    network = build(**VARIANTS[name]).train()
    tokens = torch.cat((some_tokens(), some_tokens(1)), dim=1)
    loss = NextTokenLoss(network, z_loss=1e-4)
    for documents, network.checkpoint_every in ((None, 0), (PACKED, 2)):
        torch._dynamo.reset()
        compiled = torch.compile(loss, fullgraph=True, backend="eager")
        value = compiled(tokens, documents=documents)
        value.backward()
        torch.testing.assert_close(value, loss(tokens, documents=documents))


def test_too_long_an_input_is_refused() -> None:
    with pytest.raises(AssertionError, match="reads at most 24"):
        build()(torch.zeros((1, 25), dtype=torch.int64))
