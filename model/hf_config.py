"""Our configuration as transformers' and back, for the two families that express it: Llama and GPT-2.

Light until called: a recipe is checked with `architecture` before anything heavy is loaded.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ValidationError

from model.config import ModelConfig

if TYPE_CHECKING:
    from transformers import GPT2Config, LlamaConfig, PretrainedConfig

CONFIG_BYTES = 2**20  # largest config.json that is read

Family = Literal["llama", "gpt2"]


def architecture(config: ModelConfig) -> Family:
    """The family that expresses this network exactly. Raises ValueError naming the field for which neither does."""
    family: Family = "llama" if config.positions == "rope" else "gpt2"
    llama = family == "llama"
    needed = {"norm": "rmsnorm" if llama else "layernorm", "feed_forward": "swiglu" if llama else "gelu"}
    for field, value in needed.items():
        if getattr(config, field) != value:
            raise ValueError(
                f"{field}: {getattr(config, field)} has no Hugging Face form with positions: {config.positions}; "
                f"an export needs {field}: {value}"
            )
    if not llama and config.kv_heads != config.n_heads:
        raise ValueError(f"n_kv_heads: {config.n_kv_heads} has no form in the GPT-2 family; leave it out or use rope")
    return family


def hf_config(config: ModelConfig, end_id: int, pad_id: int | None, dtype: str) -> "PretrainedConfig":
    """The transformers configuration of this network; `<|endoftext|>` both begins and ends a text."""
    from transformers import GPT2Config, LlamaConfig

    common: dict[str, Any] = {
        "vocab_size": config.vocab_size,
        "bos_token_id": end_id,
        "eos_token_id": end_id,
        "pad_token_id": pad_id,
        "tie_word_embeddings": config.tied_embeddings,
        "dtype": dtype,
    }
    if architecture(config) == "llama":
        return LlamaConfig(
            architectures=["LlamaForCausalLM"],
            hidden_size=config.d_model,
            intermediate_size=config.feed_forward_dim,
            num_hidden_layers=config.n_layers,
            num_attention_heads=config.n_heads,
            num_key_value_heads=config.kv_heads,
            max_position_embeddings=config.max_sequence_length,
            rms_norm_eps=config.norm_eps,
            rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
            attention_bias=config.bias,
            mlp_bias=config.bias,
            attention_dropout=config.dropout,
            **common,
        )
    return GPT2Config(
        architectures=["GPT2LMHeadModel"],
        n_embd=config.d_model,
        n_inner=config.feed_forward_dim,
        n_layer=config.n_layers,
        n_head=config.n_heads,
        n_positions=config.max_sequence_length,
        layer_norm_epsilon=config.norm_eps,
        activation_function="gelu_new",  # the tanh form
        resid_pdrop=config.dropout,
        embd_pdrop=config.dropout,
        attn_pdrop=config.dropout,
        **common,
    )


def import_config(folder: Path) -> ModelConfig:
    """Our config of a folder's config.json. Raises ValueError naming the setting that our network does not have."""
    from transformers import GPT2Config, LlamaConfig

    path = folder / "config.json"
    if path.stat().st_size > CONFIG_BYTES:
        raise ValueError(f"{path}: larger than {CONFIG_BYTES} bytes")
    try:
        stored = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: not valid JSON ({error})") from None
    family = stored.get("model_type") if isinstance(stored, dict) else None
    if family not in ("llama", "gpt2"):
        raise ValueError(f"{path}: model_type is {family!r}; llama and gpt2 are the families that can be read")
    try:
        theirs = LlamaConfig.from_dict(stored) if family == "llama" else GPT2Config.from_dict(stored)
    except Exception as error:  # transformers has many types of errors for a setting of a wrong type
        raise ValueError(f"{path}: refused by transformers ({one_line(error)})") from None
    try:
        return from_llama(theirs, path) if isinstance(theirs, LlamaConfig) else from_gpt2(theirs, path)
    except ValidationError as error:
        raise ValueError(f"{path}: {one_line(error)}") from None


def from_llama(config: "LlamaConfig", path: Path) -> ModelConfig:
    rope = dict(config.rope_parameters or {})
    head_dim = config.hidden_size // config.num_attention_heads
    expect(path, "hidden_act", config.hidden_act, "silu")
    expect(path, "rope_type", rope.get("rope_type", "default"), "default")
    expect(path, "partial_rotary_factor", rope.get("partial_rotary_factor") or 1.0, 1.0)
    expect(path, "head_dim", config.head_dim, head_dim)
    expect(path, "mlp_bias", config.mlp_bias, config.attention_bias)
    return ModelConfig(
        vocab_size=config.vocab_size,
        max_sequence_length=config.max_position_embeddings,
        d_model=config.hidden_size,
        n_layers=config.num_hidden_layers,
        n_heads=config.num_attention_heads,
        n_kv_heads=config.num_key_value_heads,
        d_ff=config.intermediate_size,
        rope_theta=rope.get("rope_theta", 10_000.0),
        norm_eps=config.rms_norm_eps,
        bias=config.attention_bias,
        tied_embeddings=config.tie_word_embeddings,
        dropout=config.attention_dropout or 0.0,
    )


def from_gpt2(config: "GPT2Config", path: Path) -> ModelConfig:
    if config.activation_function != "gelu_pytorch_tanh":  # another name for gelu_new
        expect(path, "activation_function", config.activation_function, "gelu_new")
    expect(path, "scale_attn_weights", config.scale_attn_weights, True)
    expect(path, "scale_attn_by_inverse_layer_idx", config.scale_attn_by_inverse_layer_idx, False)
    expect(path, "add_cross_attention", config.add_cross_attention, False)
    return ModelConfig(
        vocab_size=config.vocab_size,
        max_sequence_length=config.n_positions,
        d_model=config.n_embd,
        n_layers=config.n_layer,
        n_heads=config.n_head,
        d_ff=config.n_inner,
        positions="learned",
        norm="layernorm",
        norm_eps=config.layer_norm_epsilon,
        feed_forward="gelu",
        bias=True,
        tied_embeddings=config.tie_word_embeddings,
        dropout=config.resid_pdrop,
    )


def one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def expect(path: Path, name: str, value: Any, expected: Any) -> None:
    if value != expected:
        raise ValueError(f"{path}: {name} is {value!r}, but our network can only express {expected!r}")
