import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn

from model.formats.convert_hf import export_hf, import_hf
from model.formats.hf_config import architecture
from model.formats.hf_layout import layout, to_theirs
from model.formats.load import load_network
from model.formats.verify_hf import verify_hf
from model.network.config import ModelConfig, RopeScaling
from model.network.network import Network
from tests.model.networks import random_network

TEXT = (
    "The state of the Union is strong, and in 1862 it was — dearly — defended.\n\n\tMr. Speaker: 'we'll  see'. é🙂 " * 3
)

LLAMA = ModelConfig(vocab_size=301, max_sequence_length=48, d_model=32, n_layers=2, n_heads=4, d_ff=40)
GPT2 = LLAMA.model_copy(update={"positions": "learned", "norm": "layernorm", "feed_forward": "gelu", "bias": True})
GEMMA2 = LLAMA.model_copy(
    update={
        "norm_position": "both",
        "feed_forward": "geglu",
        "embedding_scale": True,
        "attention_softcap": 4.0,
        "logit_softcap": 5.0,
        "sliding_window": 7,
        "attention_pattern": ("local", "global"),
    }
)
QWEN3 = LLAMA.model_copy(update={"qk_norm": True, "norm_eps": 1e-6})
NETWORKS = {
    "llama": LLAMA,
    "llama-tied-gqa": LLAMA.model_copy(update={"tied_embeddings": True, "n_kv_heads": 2, "vocab_size": 307}),
    "llama-mqa-bias-theta": LLAMA.model_copy(
        update={"n_kv_heads": 1, "bias": True, "rope_theta": 500.0, "norm_eps": 1e-3}
    ),
    "llama-3.1": LLAMA.model_copy(
        update={"rope_scaling": RopeScaling(type="llama3", factor=8, original_sequence_length=24), "head_dim": 10}
    ),
    "gpt2": GPT2.model_copy(update={"tied_embeddings": True}),
    "gpt2-untied-no-bias": GPT2.model_copy(update={"bias": False, "d_ff": None, "n_heads": 2}),
    "mistral": LLAMA.model_copy(update={"sliding_window": 7, "n_kv_heads": 2, "vocab_size": 303}),
    "mistral-tied-mqa": LLAMA.model_copy(
        update={"sliding_window": 1, "n_kv_heads": 1, "tied_embeddings": True, "head_dim": 6}
    ),
    "qwen3": QWEN3.model_copy(update={"head_dim": 12, "n_kv_heads": 2, "d_model": 30}),
    "qwen3-tied-windows-yarn": QWEN3.model_copy(
        update={
            "sliding_window": 7,
            "attention_pattern": ("global", "local"),
            "tied_embeddings": True,
            "rope_scaling": RopeScaling(type="yarn", factor=3, original_sequence_length=16, attention_factor=1.2),
            "vocab_size": 311,
        }
    ),
    "gemma2-tied": GEMMA2.model_copy(update={"tied_embeddings": True, "n_kv_heads": 2, "attention_scale": 24**-0.5}),
    "gemma2-untied-mqa": GEMMA2.model_copy(
        update={
            "n_kv_heads": 1,
            "head_dim": 12,
            "n_layers": 4,
            "vocab_size": 307,
            "attention_pattern": ("local", "local", "global"),
        }
    ),
    "gemma2-no-caps": GEMMA2.model_copy(
        update={"attention_softcap": None, "logit_softcap": None, "sliding_window": None, "attention_pattern": None}
    ),
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


def random_tokens(config: ModelConfig, batch: int = 2) -> torch.Tensor:
    shape = (batch, config.max_sequence_length)
    return torch.randint(config.vocab_size, shape, generator=torch.Generator().manual_seed(1))


def transformers_model(folder: Path) -> nn.Module:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, trust_remote_code=False, attn_implementation="eager", dtype=torch.float32
    ).eval()


def assert_same_logits_and_gradients(network: Network, theirs: nn.Module) -> None:
    """Within 1e-5 in float32, of all parameters by the table of names, in evaluation mode."""
    tokens = random_tokens(network.config)
    logits = [network(tokens), theirs(tokens).logits]
    torch.testing.assert_close(*logits, rtol=0, atol=1e-5)
    for each in logits:
        nn.functional.cross_entropy(each[:, :-1].flatten(0, 1), tokens[:, 1:].flatten()).backward()
    ours = {name: parameter.grad for name, parameter in network.named_parameters()}
    reference = dict(theirs.named_parameters())
    for entry in layout(network.config):
        if entry.ours[0] in ours:  # GPT-2 has biases that ours may not have
            gradient = to_theirs(replace(entry, offset=0.0), ours)
            torch.testing.assert_close(gradient, reference[entry.theirs].grad, rtol=1e-5, atol=1e-5, msg=entry.theirs)


@pytest.mark.parametrize("name", NETWORKS)
def test_exported_network_is_the_same_function_and_comes_back(name: str, tokenizer: Path, tmp_path: Path) -> None:
    network = random_network(NETWORKS[name])
    assert architecture(network.config) == name.partition("-")[0]
    export_hf(network.state_dict(), network.config, tmp_path, tokenizer, end_id=0)
    assert_same_logits_and_gradients(network, transformers_model(tmp_path))
    back = load_network(tmp_path)
    tokens = random_tokens(network.config)
    torch.testing.assert_close(back(tokens), network(tokens), atol=1e-5, rtol=0)
    if network.config.bias or architecture(network.config) != "gpt2":
        kv_heads = None if architecture(network.config) == "gpt2" else network.config.kv_heads
        expected = network.config.model_copy(update={"n_kv_heads": kv_heads, "d_ff": back.config.d_ff})
        assert back.config == expected
        for key, value in network.state_dict().items():
            torch.testing.assert_close(back.state_dict()[key], value, rtol=0, atol=1e-6)
            assert name.startswith("gemma2") or torch.equal(back.state_dict()[key], value)


ROPE_SIZES = {
    "hidden_size": 24,
    "intermediate_size": 36,
    "num_hidden_layers": 3,
    "num_attention_heads": 6,
    "num_key_value_heads": 3,
    "max_position_embeddings": 32,
}
THEIRS = {
    "gpt2": {"n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 32},
    "llama": ROPE_SIZES | {"attention_bias": True, "mlp_bias": True},
    "mistral": ROPE_SIZES | {"sliding_window": 9, "head_dim": 8},
    "qwen3": ROPE_SIZES
    | {
        "head_dim": 10,
        "use_sliding_window": True,
        "sliding_window": 5,
        "max_window_layers": 1,
        "num_key_value_heads": 1,
    },
    "gemma2": ROPE_SIZES
    | {
        "head_dim": 8,
        "sliding_window": 5,
        "query_pre_attn_scalar": 9,
        "attn_logit_softcapping": 3.0,
        "pad_token_id": None,
    },
}


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("family", THEIRS)
def test_network_made_by_transformers_is_read(family: str, tied: bool, dtype: torch.dtype, tmp_path: Path) -> None:
    """From one file or several, stored in float32 or bfloat16, and computed in float32."""
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    settings = {"vocab_size": 211, "tie_word_embeddings": tied, "bos_token_id": 0, "eos_token_id": 0}
    config = AutoConfig.for_model(family, **(settings | THEIRS[family]))
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval().to(dtype)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(tmp_path, max_shard_size="5KB" if tied else "5GB")
    assert (tmp_path / "model.safetensors.index.json").is_file() is tied
    network = load_network(tmp_path)
    assert architecture(network.config) == family
    assert_same_logits_and_gradients(network, transformers_model(tmp_path))


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
    torch.testing.assert_close(transformers_model(tmp_path)(tokens).logits, network(tokens), atol=1e-5, rtol=0)
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


@pytest.mark.parametrize("name", ["llama-tied-gqa", "gpt2", "mistral", "qwen3", "gemma2-tied"])
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
        (GPT2.model_copy(update={"head_dim": 16}), "head_dim"),
        (GPT2.model_copy(update={"sliding_window": 16}), "sliding_window"),
        (LLAMA.model_copy(update={"positions": "alibi"}), "positions"),
        (LLAMA.model_copy(update={"positions": "none"}), "positions"),
        (LLAMA.model_copy(update={"positions": "sinusoidal"}), "positions"),
        (LLAMA.model_copy(update={"norm_position": "after"}), "norm_position"),
        (LLAMA.model_copy(update={"embedding_scale": True}), "embedding_scale"),
        (LLAMA.model_copy(update={"attention_softcap": 4.0}), "attention_softcap"),
        (LLAMA.model_copy(update={"logit_softcap": 4.0}), "logit_softcap"),
        (LLAMA.model_copy(update={"attention_scale": 0.5}), "attention_scale"),
        (LLAMA.model_copy(update={"head_dim": 8, "n_heads": 5}), "d_model"),
        (NETWORKS["mistral"].model_copy(update={"attention_pattern": ("local", "global")}), "attention_pattern"),
        (NETWORKS["mistral"].model_copy(update={"bias": True}), "bias"),
        (QWEN3.model_copy(update={"bias": True}), "bias"),
        (GEMMA2.model_copy(update={"feed_forward": "swiglu"}), "feed_forward"),
        (GEMMA2.model_copy(update={"attention_scale": 0.3}), "attention_scale"),
        (GEMMA2.model_copy(update={"qk_norm": True}), "qk_norm"),
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
        ({"head_dim": 256}, "config.json speaks of"),
        ({"head_dim": 6}, r"attention.query.weight has shape \(32, 32\), but its configuration says \(24, 32\)"),
        ({"num_hidden_layers": 4000}, "config.json speaks of"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000"),
        ({"num_hidden_layers": 10**9, "model_type": "qwen3"}, "num_hidden_layers is 1000000000"),
        ({"max_position_embeddings": 10**12}, "max_sequence_length"),
        ({"mlp_bias": True}, "mlp_bias"),
        ({"model_type": "opt"}, "model_type is 'opt'; gemma2, gpt2, llama, mistral, qwen3"),
        ({"model_type": ["llama"]}, "model_type"),
        ({"rope_parameters": {"rope_type": "yarn", "rope_theta": 1e4}}, "config.json"),
        (
            {"rope_parameters": {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5}},
            "partial_rotary",
        ),
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


INDEX = {
    "above": ("../outside.safetensors", "no safetensors file of this folder"),
    "absolute": ("/etc/outside.safetensors", "no safetensors file of this folder"),
    "pickle": ("pytorch_model.bin", "no safetensors file of this folder"),
    "absent": ("model-9.safetensors", "no model-9.safetensors in it"),
    "number": (3, "no weight_map"),
}


@pytest.mark.parametrize("name", INDEX)
def test_an_index_reads_no_other_files(name: str, tokenizer: Path, tmp_path: Path) -> None:
    place, message = INDEX[name]
    network = random_network(LLAMA)
    export_hf(network.state_dict(), LLAMA, tmp_path / "folder", tokenizer, end_id=0, shard_bytes=50_000)
    (tmp_path / "outside.safetensors").write_bytes(next((tmp_path / "folder").glob("model-*")).read_bytes())
    (tmp_path / "folder" / "pytorch_model.bin").write_bytes(b"pickle")
    path = tmp_path / "folder" / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    index["weight_map"]["model.norm.weight"] = place
    path.write_text(json.dumps(index))
    with pytest.raises(ValueError, match=f"^[^\n]*{message}[^\n]*$"):
        import_hf(tmp_path / "folder")


DAMAGE: dict[str, tuple[Callable[[Path], Any], str]] = {
    "index is no JSON": (lambda folder: (folder / "model.safetensors.index.json").write_text("{"), "not valid JSON"),
    "index is deep": (
        lambda folder: (folder / "model.safetensors.index.json").write_text("[" * 10**6),
        "not valid JSON",
    ),
    "config is a list": (lambda folder: (folder / "config.json").write_text("[]"), "not a JSON object"),
    "config is huge": (lambda folder: (folder / "config.json").write_text(" " * 2**21), "larger than"),
    "another tensor": (
        lambda folder: save_file({"a": torch.zeros(9000)}, next(folder.glob("model-00001*.safetensors"))),
        "which the index says is in it",
    ),
    "a number for a matrix": (
        lambda folder: replace_tensor(folder, "model.embed_tokens.weight", torch.tensor(1.0)),
        "is not 1 equal parts",
    ),
    "a matrix transposed": (
        lambda folder: replace_tensor(folder, "model.layers.0.mlp.up_proj.weight", torch.ones(32, 40)),
        r"up.weight has shape \(32, 40\), but its configuration says \(40, 32\)",
    ),
}


def replace_tensor(folder: Path, name: str, tensor: torch.Tensor) -> None:
    index = json.loads((folder / "model.safetensors.index.json").read_text())
    path = folder / index["weight_map"][name]
    save_file(load_file(path) | {name: tensor, "padding": torch.zeros(9000)}, path)


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_folders_are_named_in_one_line(name: str, tokenizer: Path, tmp_path: Path) -> None:
    damage, message = DAMAGE[name]
    export_hf(random_network(LLAMA).state_dict(), LLAMA, tmp_path, tokenizer, end_id=0, shard_bytes=50_000)
    damage(tmp_path)
    with pytest.raises(ValueError, match=f"^[^\n]*{message}[^\n]*$"):
        import_hf(tmp_path)


@pytest.mark.parametrize("name", ["gpt2", "llama-3.1", "qwen3-tied-windows-yarn", "gemma2-tied"])
def test_any_value_of_a_setting_is_read_or_refused_in_one_line(name: str, tokenizer: Path, tmp_path: Path) -> None:
    export_hf(random_network(NETWORKS[name]).state_dict(), NETWORKS[name], tmp_path, tokenizer, end_id=0)
    path = tmp_path / "config.json"
    settings = json.loads(path.read_text())
    changes = [{key: value} for key in settings for value in (None, 0, -1, 10**15, 0.5, True, "x", [], {}, ["x"])]
    rope = settings.get("rope_parameters", {})
    changes += [{"rope_parameters": {**rope, key: value}} for key in rope for value in (None, 0, -1, 10**15, "x", [])]
    for change in changes:
        path.write_text(json.dumps(settings | change))
        try:
            import_hf(tmp_path)
        except ValueError as error:
            assert str(error).startswith(str(tmp_path)) and "\n" not in str(error), change


def test_weights_of_whole_numbers_are_refused(tokenizer: Path, tmp_path: Path) -> None:
    export_hf(random_network(LLAMA).state_dict(), LLAMA, tmp_path, tokenizer, end_id=0)
    path = tmp_path / "model.safetensors"
    save_file(load_file(path) | {"model.norm.weight": torch.ones(32, dtype=torch.int64)}, path)
    with pytest.raises(ValueError, match=r"model.norm.weight is torch.int64; float32"):
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
