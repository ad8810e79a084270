import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from model.config import ModelConfig
from model.convert_hf import export_hf, import_hf
from model.hf_config import architecture
from model.init import initialize
from model.load import load_network
from model.network import Network
from model.verify_hf import verify_hf

TEXT = (
    "The state of the Union is strong, and in 1862 it was — dearly — defended.\n\n\tMr. Speaker: 'we'll  see'. é🙂 " * 3
)

LLAMA = ModelConfig(vocab_size=301, max_sequence_length=48, d_model=32, n_layers=2, n_heads=4, d_ff=40)
GPT2 = LLAMA.model_copy(update={"positions": "learned", "norm": "layernorm", "feed_forward": "gelu", "bias": True})
NETWORKS = {
    "llama": LLAMA,
    "llama-tied-gqa": LLAMA.model_copy(update={"tied_embeddings": True, "n_kv_heads": 2, "vocab_size": 307}),
    "llama-mqa-bias-theta": LLAMA.model_copy(
        update={"n_kv_heads": 1, "bias": True, "rope_theta": 500.0, "norm_eps": 1e-3}
    ),
    "gpt2": GPT2.model_copy(update={"tied_embeddings": True}),
    "gpt2-untied-no-bias": GPT2.model_copy(update={"bias": False, "d_ff": None, "n_heads": 2}),
}


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small byte-level BPE of the project's form: `<|endoftext|>` is 0, `<|pad|>` is 1."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>", "<|pad|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bpe.train_from_iterator([TEXT], trainer)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    bpe.save(str(path))
    return path


def random_network(config: ModelConfig, seed: int = 0) -> Network:
    """Weights far from their first values: biases and gains too, so that one left out or swapped changes the logits."""
    network = Network(config).eval()
    initialize(network, seed)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.1)
    return network


def random_tokens(config: ModelConfig, batch: int = 2) -> torch.Tensor:
    shape = (batch, config.max_sequence_length)
    return torch.randint(config.vocab_size, shape, generator=torch.Generator().manual_seed(1))


def hf_logits(folder: Path, tokens: torch.Tensor) -> torch.Tensor:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, trust_remote_code=False).eval()
    with torch.no_grad():
        return model(tokens).logits


@pytest.mark.parametrize("name", NETWORKS)
def test_exported_network_gives_the_same_logits_and_comes_back(name: str, tokenizer: Path, tmp_path: Path) -> None:
    network = random_network(NETWORKS[name])
    export_hf(network.state_dict(), network.config, tmp_path, tokenizer, end_id=0, pad_id=1)
    tokens = random_tokens(network.config)
    ours = network(tokens).detach()
    torch.testing.assert_close(hf_logits(tmp_path, tokens), ours, atol=1e-5, rtol=0)
    back = load_network(tmp_path)
    torch.testing.assert_close(back(tokens).detach(), ours, atol=1e-5, rtol=0)
    if network.config.bias or architecture(network.config) == "llama":
        expected = network.config.model_copy(update={"n_kv_heads": network.config.kv_heads, "d_ff": back.config.d_ff})
        if architecture(network.config) == "gpt2":
            expected = expected.model_copy(update={"n_kv_heads": None})
        assert back.config == expected
        assert all(torch.equal(value, back.state_dict()[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_network_made_by_transformers_is_read(family: str, tied: bool, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, GPT2Config, LlamaConfig

    torch.manual_seed(0)
    sizes = {"vocab_size": 211, "tie_word_embeddings": tied, "bos_token_id": 0, "eos_token_id": 0}
    config = (
        LlamaConfig(
            hidden_size=24,
            intermediate_size=36,
            num_hidden_layers=2,
            num_attention_heads=6,
            num_key_value_heads=3,
            max_position_embeddings=32,
            **sizes,
        )
        if family == "llama"
        else GPT2Config(n_embd=24, n_layer=2, n_head=3, n_positions=32, **sizes)
    )
    model = AutoModelForCausalLM.from_config(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(tmp_path)
    tokens = torch.randint(211, (2, 32))
    with torch.no_grad():
        torch.testing.assert_close(load_network(tmp_path)(tokens), model(tokens).logits, atol=1e-5, rtol=0)


@pytest.mark.parametrize("tied", [True, False])
def test_unembedding_is_stored_only_when_it_is_its_own(tied: bool, tokenizer: Path, tmp_path: Path) -> None:
    network = random_network(LLAMA.model_copy(update={"tied_embeddings": tied}))
    export_hf(network.state_dict(), network.config, tmp_path, tokenizer, end_id=0)
    assert ("lm_head.weight" in load_file(tmp_path / "model.safetensors")) is not tied
    assert json.loads((tmp_path / "config.json").read_text()).get("tie_word_embeddings", False) is tied
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(tmp_path, local_files_only=True)
    assert (model.lm_head.weight is model.model.embed_tokens.weight) is tied


def test_the_same_weights_give_the_same_bytes(tokenizer: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        network = random_network(NETWORKS["gpt2"])
        export_hf(network.state_dict(), network.config, tmp_path / name, tokenizer, end_id=0, pad_id=1)
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    expected = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert files == expected
    assert all((tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes() for name in files)


def test_large_networks_are_spread_over_files(tokenizer: Path, tmp_path: Path) -> None:
    network = random_network(NETWORKS["llama-tied-gqa"])
    export_hf(network.state_dict(), network.config, tmp_path, tokenizer, end_id=0, shard_bytes=50_000)
    shards = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(shards) > 1 and all(path.stat().st_size < 52_000 for path in shards)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["metadata"]["total_size"] == 4 * sum(p.numel() for p in network.parameters())
    tokens = random_tokens(network.config)
    torch.testing.assert_close(hf_logits(tmp_path, tokens), network(tokens).detach(), atol=1e-5, rtol=0)
    torch.testing.assert_close(load_network(tmp_path)(tokens), network(tokens), atol=1e-5, rtol=0)


def test_auto_tokenizer_encodes_as_the_original(tokenizer: Path, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    original = Tokenizer.from_file(str(tokenizer))
    for name in ("llama", "gpt2"):
        network = random_network(NETWORKS[name])
        export_hf(network.state_dict(), network.config, tmp_path / name, tokenizer, end_id=0, pad_id=1)
        loaded = AutoTokenizer.from_pretrained(tmp_path / name, local_files_only=True)
        for text in [TEXT, "  leading", "trailing \n", "a , b . don't", ""]:
            ids = original.encode(text).ids
            assert loaded.encode(text) == loaded(text)["input_ids"] == ids
            assert loaded.decode(ids) == original.decode(ids) == text
        assert (loaded.eos_token_id, loaded.bos_token_id, loaded.pad_token_id) == (0, 0, 1)
        assert (tmp_path / name / "tokenizer.json").read_bytes() == tokenizer.read_bytes()


@pytest.mark.parametrize("name", ["llama-tied-gqa", "gpt2"])
def test_verification_gives_figures_and_catches_a_damaged_export(
    name: str, tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **settings: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    network = random_network(NETWORKS[name])
    export_hf(network.state_dict(), network.config, tmp_path, tokenizer, end_id=0, pad_id=1)
    ids = np.array(Tokenizer.from_file(str(tokenizer)).encode(TEXT).ids)
    figures = verify_hf(tmp_path, network, tokenizer, [ids, ids[5:25]], [ids[:4].tolist(), [0], ids.tolist()])
    assert figures["largest_logit_difference"] < 1e-5
    assert figures["greedy_equal"] == figures["greedy_prompts"] == 3
    assert figures["tokens_compared"] == 48 + 20
    weights = load_file(tmp_path / "model.safetensors")
    gain = next(key for key in weights if key.endswith(("post_attention_layernorm.weight", "h.1.ln_2.bias")))
    weights[gain] = weights[gain] + 0.01
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(RuntimeError, match="logits differ"):
        verify_hf(tmp_path, network, tokenizer, [ids], [[0]])


def test_verification_catches_a_tokenizer_that_splits_otherwise(tokenizer: Path, tmp_path: Path) -> None:
    network = random_network(LLAMA)
    export_hf(network.state_dict(), LLAMA, tmp_path, tokenizer, end_id=0)
    path = tmp_path / "tokenizer.json"
    path.write_text(path.read_text().replace('"add_prefix_space": false', '"add_prefix_space": true', 1))
    ids = np.array(Tokenizer.from_file(str(tokenizer)).encode(TEXT).ids)
    with pytest.raises(RuntimeError, match="AutoTokenizer"):
        verify_hf(tmp_path, network, tokenizer, [ids], [[0]])


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (LLAMA.model_copy(update={"norm": "layernorm"}), "norm"),
        (LLAMA.model_copy(update={"feed_forward": "gelu"}), "feed_forward"),
        (GPT2.model_copy(update={"feed_forward": "swiglu"}), "feed_forward"),
        (GPT2.model_copy(update={"norm": "rmsnorm"}), "norm"),
        (GPT2.model_copy(update={"n_kv_heads": 2}), "n_kv_heads"),
    ],
)
def test_what_no_family_expresses_is_named(config: ModelConfig, field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: [^\n]+$"):
        architecture(config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_act": "gelu"}, "hidden_act"),
        ({"rope_scaling": {"rope_type": "linear", "factor": 2.0}, "rope_parameters": None}, "rope_type"),
        ({"head_dim": 64}, "head_dim"),
        ({"mlp_bias": True}, "mlp_bias"),
        ({"model_type": "mistral"}, "model_type"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings"),
        ({"hidden_size": "wide"}, "config.json: refused by transformers"),
        (
            {"num_attention_heads": 3, "num_key_value_heads": 3, "hidden_size": 33, "head_dim": 11},
            "config.json: refused by transformers .*even rotary",
        ),
    ],
)
def test_foreign_settings_that_change_the_function_are_refused(
    change: dict, message: str, tokenizer: Path, tmp_path: Path
) -> None:
    network = random_network(LLAMA)
    export_hf(network.state_dict(), LLAMA, tmp_path, tokenizer, end_id=0)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=message):
        import_hf(tmp_path)


def test_missing_unknown_and_pickled_weights_are_refused(tokenizer: Path, tmp_path: Path) -> None:
    network = random_network(LLAMA)
    export_hf(network.state_dict(), LLAMA, tmp_path, tokenizer, end_id=0)
    path = tmp_path / "model.safetensors"
    weights = load_file(path)
    save_file({k: v for k, v in weights.items() if "layers.1.mlp.up" not in k}, path)
    with pytest.raises(ValueError, match=r"layers\.1\.mlp\.up_proj\.weight is missing"):
        import_hf(tmp_path)
    save_file(weights | {"extra.weight": torch.zeros(1)}, path)
    with pytest.raises(ValueError, match=r"extra\.weight"):
        import_hf(tmp_path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="safetensors"):
        import_hf(tmp_path)
    path.unlink()
    with pytest.raises(ValueError, match="pickled"):
        import_hf(tmp_path)


def test_a_special_token_that_the_tokenizer_lacks_is_refused(tokenizer: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no token with id 300"):
        export_hf(random_network(LLAMA).state_dict(), LLAMA, tmp_path, tokenizer, end_id=0, pad_id=300)
